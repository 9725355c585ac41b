package paper

import (
	"encoding/json"
	"strings"
	"sync"
	"time"
)

// Question is one query or cancel that the switch sent, whether it was answered or not.
type Question struct {
	Reference string    `json:"request_id"`
	Kind      string    `json:"kind"` // query or cancel
	At        time.Time `json:"at"`
}

// questions are kept as they came, so that a test can hold the switch to its plan.
type questions struct {
	mu   sync.Mutex
	list []Question
}

// questionsMax bounds what is kept: the first ones.
const questionsMax = 1 << 16

func (q *questions) add(o *order) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) < questionsMax {
		q.list = append(q.list, Question{o.reference, o.kind, time.Now()})
	}
}

// text is one JSON object a line.
func (q *questions) text() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var b strings.Builder
	out := json.NewEncoder(&b)
	for i := range q.list {
		_ = out.Encode(&q.list[i]) // A Builder takes everything.
	}
	return b.String()
}

package reconcile

// cursor walks through something sorted. next returns the first element without taking it,
// nil at the end; the pointer holds until the cursor is asked again.
type cursor[T any] interface {
	next() (*T, error)
	skip()
}

// queue is a heap of cursors by their first elements.
type queue[T any, C cursor[T]] struct {
	cursors []C
	first   []*T
	before  func(a, b *T) bool
}

// mergeInto calls fn with the elements of all cursors in their order.
func mergeInto[T any, C cursor[T]](cursors []C, before func(a, b *T) bool, fn func(T) error) error {
	q := &queue[T, C]{before: before}
	for _, c := range cursors {
		first, err := c.next()
		if err != nil {
			return err
		}
		if first != nil {
			q.cursors, q.first = append(q.cursors, c), append(q.first, first)
		}
	}
	for i := len(q.cursors)/2 - 1; i >= 0; i-- {
		q.sink(i)
	}
	for len(q.cursors) > 0 {
		taken := *q.first[0]
		q.cursors[0].skip()
		if err := fn(taken); err != nil {
			return err
		}
		if err := q.advance(); err != nil {
			return err
		}
	}
	return nil
}

// advance brings the first cursor's next element to its place.
func (q *queue[T, C]) advance() error {
	first, err := q.cursors[0].next()
	if err != nil {
		return err
	}
	if q.first[0] = first; first == nil {
		last := len(q.cursors) - 1
		q.cursors[0], q.first[0] = q.cursors[last], q.first[last]
		q.cursors, q.first = q.cursors[:last], q.first[:last]
	}
	q.sink(0)
	return nil
}

func (q *queue[T, C]) sink(i int) {
	for {
		child := 2*i + 1
		if child >= len(q.first) {
			return
		}
		if child+1 < len(q.first) && q.before(q.first[child+1], q.first[child]) {
			child++
		}
		if !q.before(q.first[child], q.first[i]) {
			return
		}
		q.first[i], q.first[child] = q.first[child], q.first[i]
		q.cursors[i], q.cursors[child] = q.cursors[child], q.cursors[i]
		i = child
	}
}

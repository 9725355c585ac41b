package reconcile

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/zeebo/xxh3"
)

// runFile is what one worker flushed to disk at once: its entries, one partition after
// the other, then an index, what was counted, and a checksum. A file that was torn by a
// power cut fails its checksum, and the blocks that it stands for are read again; that is
// why it is not synced.
type runFile struct {
	file  *os.File
	begin []int64 // Offset in bytes of each partition, and of the end.
	count stretch
}

var errTorn = errors.New("reconcile: run file is torn")

// flush writes what the worker holds of a side and takes its memory back.
func (w *worker) flush(side int) error {
	s := w.shards[side]
	if s.rows == 0 && len(s.Blocks) == 0 {
		return nil
	}
	kept := w.job.rule == 0 && w.job.options.Work != ""
	file, err := os.CreateTemp(w.job.directory, "flush-*")
	if err != nil {
		return fmt.Errorf("reconcile: cannot spill: %w", err)
	}
	if !kept {
		defer os.Remove(file.Name()) // The open file stays.
	}
	run, err := writeRun(file, s, kept)
	if err == nil && kept {
		name := fmt.Sprintf("%d-%d.run", side, w.job.runNumber.Add(1))
		err = os.Rename(file.Name(), filepath.Join(w.job.directory, name))
	}
	if err != nil {
		file.Close()
		return fmt.Errorf("reconcile: cannot spill: %w", err)
	}
	w.job.addRun(side, run)
	for section := range s.open {
		w.arena.give(s.chunks(section))
	}
	s.clear()
	if kept { // What was counted is in the file now.
		s.stretch = stretch{Totals: make([]Total, len(s.Totals), len(s.Totals)+totalsApart)}
	}
	return nil
}

func writeRun(file *os.File, s *shard, kept bool) (*runFile, error) {
	run := &runFile{file: file, begin: make([]int64, 0, len(s.open)+1)}
	sum := xxh3.New()
	buffered := bufio.NewWriterSize(file, 1<<20)
	out := io.Writer(buffered)
	if kept {
		out = io.MultiWriter(buffered, sum)
	}
	at := int64(0)
	for section := range s.open {
		run.begin = append(run.begin, at)
		for _, chunk := range append(s.chunks(section), s.tail(section)) {
			n, err := out.Write(entryMemory(chunk))
			if err != nil {
				return nil, err
			}
			at += int64(n)
		}
	}
	run.begin = append(run.begin, at)
	if !kept {
		return run, buffered.Flush()
	}
	run.count = s.stretch
	text, err := json.Marshal(&s.stretch)
	if err != nil {
		return nil, err
	}
	var tail []byte
	for _, begin := range run.begin {
		tail = binary.LittleEndian.AppendUint64(tail, uint64(begin))
	}
	tail = append(tail, text...)
	tail = binary.LittleEndian.AppendUint64(tail, uint64(len(text)))
	if _, err := out.Write(tail); err != nil {
		return nil, err
	}
	tail = binary.LittleEndian.AppendUint64(nil, sum.Sum64())
	if _, err := buffered.Write(tail); err != nil {
		return nil, err
	}
	return run, buffered.Flush()
}

// readRun opens a file of an earlier run; errTorn when it is not whole.
func readRun(path string, partitions int) (*runFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	run := &runFile{file: file}
	if err := run.read(partitions); err != nil {
		file.Close()
		return nil, err
	}
	return run, nil
}

func (r *runFile) read(partitions int) error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	index := int64(partitions+1) * 8
	if info.Size() < index+16 {
		return errTorn
	}
	sum := xxh3.New()
	if _, err := io.Copy(sum, io.NewSectionReader(r.file, 0, info.Size()-8)); err != nil {
		return err
	}
	var ends [16]byte
	if _, err := r.file.ReadAt(ends[:], info.Size()-16); err != nil {
		return err
	}
	if binary.LittleEndian.Uint64(ends[8:]) != sum.Sum64() {
		return errTorn
	}
	length := int64(binary.LittleEndian.Uint64(ends[:]))
	if length < 0 || length > info.Size()-16-index {
		return errTorn
	}
	tail := make([]byte, index+length)
	if _, err := r.file.ReadAt(tail, info.Size()-16-int64(len(tail))); err != nil {
		return err
	}
	for i := range partitions + 1 {
		r.begin = append(r.begin, int64(binary.LittleEndian.Uint64(tail[i*8:])))
	}
	return json.Unmarshal(tail[index:], &r.count)
}

// resume takes over the runs that an earlier, killed run left in the work directory.
func (j *job) resume() error {
	names, err := filepath.Glob(filepath.Join(j.directory, "*.run"))
	if err != nil {
		return err
	}
	for _, name := range names {
		run, err := readRun(name, j.sections())
		if errors.Is(err, errTorn) {
			if err := os.Remove(name); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("reconcile: cannot resume: %w", err)
		}
		side := 0
		if strings.HasPrefix(filepath.Base(name), "1-") {
			side = 1
		}
		j.addRun(side, run)
		var number int64
		if _, err := fmt.Sscanf(filepath.Base(name)[2:], "%d.run", &number); err == nil {
			j.runNumber.Store(max(j.runNumber.Load(), number)) // Names are not used twice.
		}
	}
	return nil
}

func (j *job) addRun(side int, run *runFile) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.runs[side] = append(j.runs[side], run)
}

package reconcile

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
)

// eachRow calls fn with every row of a side, in order; what is passed is valid during the
// call. Lines that are no rows are passed over: a run that rejects them has been there before.
func eachRow(ctx context.Context, side Side, fn func(p *part, offset int64, line []byte, r *row) error) error {
	s, err := openSource(side, "")
	if err != nil {
		return err
	}
	defer s.close()
	in := bufio.NewReaderSize(nil, lineBytesMax+2)
	for i := range s.parts {
		p, rules := &s.parts[i], s.rules[i]
		in.Reset(io.NewSectionReader(p.file, p.begin, p.size-p.begin))
		err := eachLine(ctx, in, p.begin, func(offset int64, line []byte) error {
			var r row
			skipped := len(line) == 0 || len(rules.trailer) > 0 && bytes.HasPrefix(line, rules.trailer) || rules.isSkipped(line)
			if skipped || rules.parse(line, &r) != nil {
				return nil
			}
			return fn(p, offset, line, &r)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// linesBetweenLooks is after how many lines it is looked whether the work was called off.
const linesBetweenLooks = 4096

// eachLine calls fn with every line that is not too long, without its end.
func eachLine(ctx context.Context, in *bufio.Reader, at int64, fn func(offset int64, line []byte) error) error {
	begin, long := at, false
	for count := 0; ; count++ {
		line, err := in.ReadSlice('\n')
		at += int64(len(line))
		if errors.Is(err, bufio.ErrBufferFull) {
			long = true
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		text := bytes.TrimSuffix(line, []byte("\n"))
		if !long && len(text) <= lineBytesMax {
			if failed := fn(begin, bytes.TrimSuffix(text, []byte("\r"))); failed != nil {
				return failed
			}
		}
		if begin, long = at, false; err != nil {
			return nil
		}
		if count%linesBetweenLooks == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

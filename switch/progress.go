package main

import (
	"os"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"tongma/switch/reconcile"
)

// showProgress draws a bar for each stage on a terminal, with rate and time left; where
// standard error is none, it draws nothing. finish has to be called before anything else
// is printed.
func showProgress(options *reconcile.Options) (finish func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return func() {}
	}
	screen := mpb.New(mpb.WithOutput(os.Stderr), mpb.WithWidth(40))
	var bar *mpb.Bar
	stage := ""
	end := func() {
		if bar != nil {
			bar.SetTotal(-1, true)
		}
	}
	options.Progress = func(p reconcile.Progress) {
		if p.Stage != stage {
			end()
			stage, bar = p.Stage, newBar(screen, p)
		}
		bar.SetCurrent(p.Done)
	}
	return func() {
		end()
		screen.Wait()
	}
}

func newBar(screen *mpb.Progress, p reconcile.Progress) *mpb.Bar {
	name := mpb.PrependDecorators(decor.Name(p.Stage, decor.WCSyncSpaceR))
	if p.All == 0 { // Its size is not known before.
		return screen.AddSpinner(0, name)
	}
	return screen.AddBar(p.All, name, mpb.AppendDecorators(decor.Percentage(decor.WCSyncSpace),
		decor.AverageSpeed(0, " %.0f/s", decor.WCSyncSpace),
		decor.AverageETA(decor.ET_STYLE_GO, decor.WCSyncSpace)))
}

package workload

import (
	"context"
	"slices"
	"sync"
)

// warnings collects what the API server warns of with its answers: a deprecated API, pods that Pod Security will refuse. By itself the
// client prints them, in the middle of a status that is drawn on the terminal.
type warnings struct {
	mu  sync.Mutex
	all []string
}

// HandleWarningHeaderWithContext keeps the warning (rest.WarningHandlerWithContext).
func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, code int, _ string, text string) {
	const miscellaneous = 299 // the only code that the API server uses
	w.mu.Lock()
	defer w.mu.Unlock()
	if line := "the API server warns: " + text; code == miscellaneous && text != "" && !slices.Contains(w.all, line) {
		w.all = append(w.all, line)
	}
}

// Warnings are what the API server warned of since the last call, each once.
func (a *Applier) Warnings() []string {
	a.warnings.mu.Lock()
	defer a.warnings.mu.Unlock()
	all := a.warnings.all
	a.warnings.all = nil
	return all
}

package remote

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/agent/proc"
	"meshproof.dev/meshproof/e2e/recording"
)

// How often the BEAM of a started container is searched for, and in how many of its processes.
const (
	maxTries     = 15
	maxProcesses = 12
)

// search looks for the command line of a pod's VM: once for each of its starts.
type search struct {
	starts int // for which one was found, or none
	tries  int
	most   int // of them; 0 for maxTries
}

func (s *search) look(ctx context.Context, w *watch) {
	pod := w.now()
	plan, _ := w.o.current()
	if w.o.waits(plan) || pod.Starts == s.starts || pod.Containers == "" {
		return
	}
	public := plan.DNSName
	if plan.CommonCookie {
		public += "\n" + string(plan.Cookie)
	}
	vm, err := w.anyVM(ctx, strings.Fields(pod.Containers), proc.NewSecrets(plan.Cookie, public))
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		w.failed(err, recording.KindVM)
	}
	if s.tries++; vm == nil && s.tries < cmp.Or(s.most, maxTries) && !w.o.lost(recording.KindVM) {
		return // it may not have started yet
	}
	if s.starts, s.tries = pod.Starts, 0; vm == nil {
		w.o.lose("the command line of the VM of "+pod.Name+": no BEAM was found among the first processes of its containers", recording.KindVM)
	} else {
		vm.Pod = pod.UID
		w.o.learn(vm)
		w.emit(recording.Event{VM: vm})
	}
	w.found()
}

// anyVM searches the containers, one after the other.
func (w *watch) anyVM(ctx context.Context, containers []string, known proc.Secrets) (vm *recording.VM, err error) {
	if w.o.lost(recording.KindVM) {
		return nil, nil
	}
	for _, c := range containers {
		if vm, err = w.findVM(ctx, c, known); vm != nil {
			return vm, nil
		}
	}
	return nil, err
}

// findVM goes from process 1 of a container through its descendants, the eldest first. nil without an error: there is no BEAM yet.
func (w *watch) findVM(ctx context.Context, container string, known proc.Secrets) (*recording.VM, error) {
	var first proc.Status
	queue := []string{"1"}
	for n := 0; n < len(queue) && n < maxProcesses; n++ {
		dir := "/proc/" + queue[n]
		text, err := w.cat(ctx, container, dir+"/status")
		if err != nil && n > 0 {
			continue // it has ended
		}
		if err != nil {
			return nil, err
		}
		s, ok := proc.ParseStatus(string(text))
		if !ok {
			return nil, fmt.Errorf("%s/status is no status of a process", dir)
		}
		if n == 0 {
			first = s
		}
		if !s.VM() {
			if ids, none := w.cat(ctx, container, dir+"/task/"+queue[n]+"/children"); none == nil {
				queue = append(queue, strings.Fields(string(ids))...)
			}
			continue
		}
		line, err := w.cat(ctx, container, dir+"/cmdline")
		if err != nil {
			return nil, err
		}
		vm := &recording.VM{NSPID: s.NSPID, Args: proc.Args(line, known), Detail: "seen through exec: the environment and vm.args were not read"}
		if len(vm.Args) == 0 {
			return nil, nil // it has just started
		}
		if s.NSPID > 1 {
			vm.First, vm.FirstDeaf = first.Name, first.IgnoresTerm
		}
		return vm, nil
	}
	return nil, nil
}

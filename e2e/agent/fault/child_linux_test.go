package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/proc"
)

// Some tests need an agent that is a process of its own: this program is started again, with these variables.
const (
	childEnv = "MESHPROOF_TEST_CHILD"
	procEnv  = "MESHPROOF_TEST_PROC" // its /proc
	podEnv   = "MESHPROOF_TEST_POD"  // the process of the pod
)

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		os.Exit(m.Run())
	case "hold":
		hold()
	case "own":
		own()
	}
}

// childKeeper is the keeper of the child, which is a process of its /proc, too.
func childKeeper() *Keeper {
	self := strconv.Itoa(os.Getpid())
	if err := os.Symlink("/proc/"+self, filepath.Join(os.Getenv(procEnv), self)); err != nil {
		panic(err)
	}
	return New(proc.FS(os.Getenv(procEnv)), inPlan)
}

// hold keeps a fault in a pod until the process is killed, and says when it was renewed.
func hold() {
	k := childKeeper()
	k.find = func(string) (int, error) { return strconv.Atoi(os.Getenv(podEnv)) }
	go k.Run(context.Background(), func(string) {})
	f := agent.Faults{Holder: "h", Lease: shortLease, Rules: []agent.Rule{{Pod: podUID, IP: podIP, Do: agent.Cut, Port: port, Peer: peerIP}}}
	for {
		b := k.Set(context.Background(), f)
		fmt.Println("renewed", b[0].Effective, b[0].Message)
		time.Sleep(shortRenew)
	}
}

// own says which rules are put in place in the agent's own pod.
func own() {
	k := childKeeper()
	k.find = func(string) (int, error) { return os.Getpid(), nil }
	k.planned = func(_ context.Context, r agent.Rule) error {
		if r.OwnAPI() {
			return errors.New("the agent's pod is in no plan")
		}
		return nil
	}
	for _, r := range []agent.Rule{{Do: agent.DropOwn, Port: agent.Port}, {Do: agent.DropOwn, Port: port}, {Do: agent.DropIn, Port: agent.Port}, {Do: agent.Cut, Port: port, Peer: peerIP}} {
		r.Pod, r.IP = podUID, podIP
		b := k.Set(context.Background(), faultsOf(r))
		fmt.Printf("%s %d: in place %v\n", r.Do, r.Port, b[0].Since != 0)
		k.Set(context.Background(), faultsOf())
	}
}

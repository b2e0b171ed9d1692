//go:build linux

// Command agent observes the pods of its node from inside their network namespaces. It runs as a privileged pod of
// a DaemonSet (package agent/client), listens on the loopback of its own pod only, and does nothing until it gets a
// plan.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/fault"
	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/agent/probe"
	"meshproof.dev/meshproof/e2e/agent/proc"
	"meshproof.dev/meshproof/e2e/agent/server"
	"meshproof.dev/meshproof/e2e/agent/sniff"
	"meshproof.dev/meshproof/e2e/recording"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
}

// gcPercent lets the heap grow to four times of what is in use before it is collected: most of what the agent allocates lives for
// one look, and its heap is small. Near memoryLimit it is collected more often: the container's limit is 512 MiB.
const (
	gcPercent   = 300
	memoryLimit = 400 << 20
)

func run(ctx context.Context) error {
	// Looks wait, they do not compute. With more than one, threads of the runtime search for work whenever one has some: a fifth of all
	// that the agent used (measured).
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryLimit)
	node := os.Getenv("NODE_NAME")
	if node == "" {
		return errors.New("the variable NODE_NAME is empty; the DaemonSet sets it through the downward API")
	}
	gate, err := agent.NewGate(os.Getenv(agent.TokenHash))
	if err != nil {
		return err // an agent that would serve everybody serves nobody
	}
	l, err := listen()
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	finder, budget := proc.NewFinder("/proc"), &agent.Budget{Cores: runtime.NumCPU()}
	sessions := server.NewSessions(ctx, boot, func(emit func(recording.Event)) server.Observer { return probe.New(finder, node, budget, emit) })
	defer sessions.Wait()
	faults, healed := fault.New("/proc", sessions.AwaitRule), make(chan struct{})
	defer func() { <-healed }()
	defer end()
	go beat(ctx, sessions.Emit)
	go func() {
		defer close(healed)
		faults.Run(ctx, func(what string) { sessions.Emit(recording.Event{ObserverError: &recording.ObserverError{What: what}}) })
	}()
	api := server.Handler(abilities(node, netns.NewDoor("/proc").Node), sessions)
	return server.Serve(ctx, l, server.WithToken(server.WithKill(server.WithFaults(api, faults.Set), sessions, finder.Kill), gate))
}

// listen opens the API's port on the loopback of the agent's own pod. Only a port-forward can connect to it.
func listen() (net.Listener, error) {
	return net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(agent.Port)))
}

// boot is CLOCK_BOOTTIME in nanoseconds. It is monotonic and includes the time that the machine was suspended.
func boot() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return ts.Nano()
}

// beat emits heartbeats. Each says how late its own timer fired, which measures the CPU pressure on the agent, and what the agent
// itself has used and holds.
func beat(ctx context.Context, emit func(recording.Event)) {
	next, meter := time.Now(), agent.NewMeter()
	for ctx.Err() == nil {
		next = next.Add(agent.EveryBeat)
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(next)):
			late := max(0, time.Since(next))
			emit(recording.Event{Beat: meter.Beat(late)})
			if late > agent.EveryBeat {
				next = time.Now()
			}
		}
	}
}

// abilities tests what the observations need, on the network namespace that open gives.
func abilities(node string, open func() (*netns.Handle, error)) recording.Start {
	s := recording.Start{Version: "v1", Node: node}
	// The kubelet gives these to each container.
	if host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"); host != "" {
		s.API = net.JoinHostPort(host, port)
	}
	can := func(name string, err error) {
		if err == nil {
			s.Can = append(s.Can, name)
		} else {
			s.Cannot = append(s.Cannot, name+": "+err.Error())
		}
	}
	pids, err := filepath.Glob("/proc/[0-9]*")
	if err == nil && len(pids) < 10 {
		err = fmt.Errorf("/proc shows only %d processes", len(pids))
	}
	can("hostpid", err)
	ns, err := open()
	if err == nil {
		defer ns.Close()
		can("netns", ns.Do(func() error { return nil }))
		_, err = ns.TCP()
		can("inet_diag", err)
		var packets *sniff.Socket
		if packets, err = sniff.Open(ns); err == nil {
			err = packets.Close()
		}
		can("af_packet", err)
		can(recording.Dials, err)
		can("nftables", fault.CheckNFTables(ns))
	} else {
		can("netns", err)
	}
	return s
}

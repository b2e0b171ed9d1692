package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// Options say where Find may look and what it may do.
type Options struct {
	// Force names the one engine to use ("docker" or "podman", the variable ENGINE of the Makefile); empty: try all.
	Force string
	// Install allows Find to install Packages with apt-get where no engine works, where we are root and where the
	// machine is a Debian or Ubuntu. Without it Find only says what to install.
	Install bool
	// Packages are the Debian packages an engine needs (key APT_ENGINE of scripts/versions.env).
	Packages []string
	// StateDir is where podman's containers.conf of ours and the remembered choice lie. It is made if missing.
	StateDir string
	// Log gets one line per thing worth knowing; nil: nothing is said.
	Log func(string)
	// AttemptTimeout bounds one attempt; 0: 30 s. A first run after boot may take seconds, a DOCKER_HOST that
	// does not answer would take for ever.
	AttemptTimeout time.Duration
}

// attempt is one thing that was tried and what came of it.
type attempt struct {
	what string
	err  error
}

// Find returns an engine that has run one privileged container here: docker, else podman as it is, else podman
// with a configuration of ours, else, where allowed, podman freshly installed. The choice is made by trying and
// not by what is on PATH: a docker client may be there with no daemon, and a docker daemon may be there that
// cannot run a privileged container (docker 20.10 on a host whose bounding set lacks CAP_SYS_RESOURCE).
//
// The choice is remembered in StateDir and on the next call only checked to be alive still (some 0.1 s).
// The error carries exit code 69 and lists every attempt; exit code 64 when Force is no engine we know.
func Find(ctx context.Context, o Options) (*Engine, error) {
	log := o.Log
	if log == nil {
		log = func(string) {}
	}
	switch o.Force {
	case "", Docker, Podman:
	default:
		return nil, exitcode.With(exitcode.Usage, fmt.Errorf("engine %q is neither docker nor podman", o.Force))
	}
	if o.AttemptTimeout == 0 {
		o.AttemptTimeout = 30 * time.Second
	}
	if err := os.MkdirAll(o.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	conf, err := writeContainersConf(o.StateDir)
	if err != nil {
		return nil, err
	}
	if e := recall(ctx, o); e != nil {
		return e, nil
	}
	e, tried, err := tryAll(ctx, o, conf)
	if e == nil && err == nil {
		e, tried, err = installAndTry(ctx, o, conf, tried, log)
	}
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, noEngine(o, tried)
	}
	for _, t := range tried {
		log(fmt.Sprintf("%s cannot be used: %v", t.what, t.err))
	}
	log("container engine: " + e.String())
	remember(o.StateDir, e)
	return e, nil
}

// tryAll tries the engines in their order. The error is set only when ctx has ended.
func tryAll(ctx context.Context, o Options, conf string) (*Engine, []attempt, error) {
	candidates := []*Engine{
		New(Docker, nil),
		New(Podman, nil),
		New(Podman, []string{"CONTAINERS_CONF=" + conf}),
	}
	var tried []attempt
	for _, e := range candidates {
		if o.Force != "" && o.Force != e.name {
			continue
		}
		err := try(ctx, e, o.AttemptTimeout)
		if err == nil {
			return e, tried, nil
		}
		if ctx.Err() != nil {
			return nil, tried, fmt.Errorf("looking for a container engine: %w", context.Cause(ctx))
		}
		tried = append(tried, attempt{e.String(), err})
		if errors.Is(err, errNotThere) && e.name == Podman {
			break // a configuration does not bring the command
		}
	}
	return nil, tried, nil
}

// installAndTry installs the packages where that is allowed, and tries again.
func installAndTry(ctx context.Context, o Options, conf string, tried []attempt, log func(string)) (*Engine, []attempt, error) {
	if !o.Install || len(o.Packages) == 0 || o.Force == Docker {
		return nil, tried, nil
	}
	if why := cannotInstall(); why != "" {
		return nil, append(tried, attempt{"installing podman", errors.New(why)}), nil
	}
	for _, t := range tried {
		log(fmt.Sprintf("%s cannot be used: %v", t.what, t.err))
	}
	log("no container engine works here; installing with apt-get: " + strings.Join(o.Packages, " ") + " (INSTALL=0 forbids it)")
	if err := aptInstall(ctx, o.Packages); err != nil {
		if ctx.Err() != nil {
			return nil, tried, err
		}
		return nil, append(tried, attempt{"installing podman", err}), nil
	}
	o.Force = Podman
	e, again, err := tryAll(ctx, o, conf)
	if e != nil {
		return e, nil, err // what failed before has been said already
	}
	for i := range again {
		again[i].what += " after installing"
	}
	return nil, append(tried, again...), err
}

// noEngine is the error of code 69: every attempt with what was seen and, where it is known, what to do.
func noEngine(o Options, tried []attempt) error {
	var b strings.Builder
	b.WriteString("no container engine here can run a privileged container:")
	for _, t := range tried {
		fmt.Fprintf(&b, "\n  %s: %v", t.what, t.err)
		if h := hint(t.err); h != "" {
			fmt.Fprintf(&b, "\n    what to do: %s", h)
		}
	}
	switch {
	case len(o.Packages) == 0:
		b.WriteString("\n  what to do: install podman or docker, or start the docker daemon")
	case o.Install:
		fmt.Fprintf(&b, "\n  what to do: have these packages installed: %s", strings.Join(o.Packages, " "))
	default:
		fmt.Fprintf(&b, "\n  what to do: have these packages installed (INSTALL=1 as root does it): %s", strings.Join(o.Packages, " "))
	}
	return exitcode.With(exitcode.Unavailable, errors.New(b.String()))
}

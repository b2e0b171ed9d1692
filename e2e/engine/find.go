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

// Options of Find.
type Options struct {
	// Force is the only engine to use ("docker" or "podman", the variable ENGINE of the Makefile); empty: try all.
	Force string
	// Install allows Find to install Packages with apt-get if no engine works, this process is root and the system
	// is Debian or Ubuntu. Without it Find only names the packages.
	Install bool
	// Packages are the Debian packages an engine needs (key APT_ENGINE of scripts/versions.env).
	Packages []string
	// StateDir holds our containers.conf for podman and the remembered engine. It is created if missing.
	StateDir string
	// Log gets one line per message; nil: no messages.
	Log func(string)
	// AttemptTimeout bounds one attempt; 0: 30 s. The first container after boot may take seconds; a DOCKER_HOST
	// that does not answer would take for ever.
	AttemptTimeout time.Duration
}

// attempt is an engine or an installation that was tried, and its error.
type attempt struct {
	what string
	err  error
}

// Find returns an engine that has run one privileged container on this machine. It tries docker, podman, podman
// with our containers.conf, and, if allowed, podman after installing it. A command on PATH is not enough: a docker
// client may have no daemon, and a docker daemon may be unable to run a privileged container (docker 20.10 on a
// host whose bounding set lacks CAP_SYS_RESOURCE).
//
// The engine is remembered in StateDir. The next call only checks that it still answers (some 0.1 s).
// The error has exit code 69 and lists every attempt, or exit code 64 if Force is an unknown engine.
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
		return nil, fmt.Errorf("create the state directory: %w", err)
	}
	conf, err := writeContainersConf(o.StateDir)
	if err != nil {
		return nil, fmt.Errorf("write podman's configuration: %w", err)
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

// tryAll tries the engines in order. The error is set only if ctx has ended.
func tryAll(ctx context.Context, o Options, conf string) (*Engine, []attempt, error) {
	candidates := []*Engine{
		New(Docker, where(Docker)),
		New(Podman, where(Podman)),
		New(Podman, append(where(Podman), "CONTAINERS_CONF="+conf)),
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
		if errors.Is(err, errNotFound) && e.name == Podman {
			break // our containers.conf cannot help without the command
		}
	}
	return nil, tried, nil
}

// installAndTry installs the packages if that is allowed, and tries podman again.
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
		return e, nil, err // the failed attempts have been logged already
	}
	for i := range again {
		again[i].what += " after installing"
	}
	return nil, append(tried, again...), err
}

// noEngine is the error with exit code 69: every attempt with its error and, if known, a remedy.
func noEngine(o Options, tried []attempt) error {
	var b strings.Builder
	b.WriteString("no container engine on this machine can run a privileged container:")
	for _, t := range tried {
		fmt.Fprintf(&b, "\n  %s: %v", t.what, t.err)
		if h := hint(t.err); h != "" {
			fmt.Fprintf(&b, "\n    remedy: %s", h)
		}
	}
	switch {
	case len(o.Packages) == 0:
		b.WriteString("\n  remedy: install podman or docker, or start the docker daemon")
	case o.Install:
		fmt.Fprintf(&b, "\n  remedy: install these packages: %s", strings.Join(o.Packages, " "))
	default:
		fmt.Fprintf(&b, "\n  remedy: install these packages (or run as root with INSTALL=1): %s", strings.Join(o.Packages, " "))
	}
	return exitcode.With(exitcode.Unavailable, errors.New(b.String()))
}

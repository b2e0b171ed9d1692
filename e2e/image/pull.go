package image

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	registry "github.com/google/go-containerregistry/pkg/name"

	"meshproof.dev/meshproof/e2e/guard"
)

const (
	defaultAnswerTimeout = 10 * time.Second // until the registry has listed the image's layers
	pullTimeout          = 20 * time.Minute // for the whole image
	pullRetryAfter       = time.Hour        // a registry or image that failed is not tried again before this
)

// refusal is the remembered failure of a registry that was not reachable, or of an image that it does not have.
type refusal struct {
	At  time.Time `json:"at"`
	Why string    `json:"why"`
}

// errNoPull means that an image cannot be pulled, with the reason.
type errNoPull struct {
	ref string
	why string
}

func (e errNoPull) Error() string { return fmt.Sprintf("%s cannot be pulled: %s", e.ref, e.why) }

var errNoAnswer = errors.New("the registry did not answer")

// pull pulls ref into the engine. An unreachable registry is noticed within seconds; no run on this machine tries it again
// for an hour. The error is an errNoPull unless ctx has ended.
func (m *Maker) pull(ctx context.Context, ref string) error {
	host, _, _ := strings.Cut(ref, "/")
	for _, of := range []string{host, ref} {
		if r, ok := m.refusalOf(of); ok {
			again := time.Until(r.At.Add(pullRetryAfter)).Round(time.Minute)
			m.log(fmt.Sprintf("not pulling %s: the last attempt failed %s ago (%s); next attempt in %s, or when %s is removed",
				ref, time.Since(r.At).Round(time.Second), r.Why, again, m.refusalFile(of)))
			return errNoPull{ref, r.Why}
		}
	}
	m.log("pulling " + ref)
	start := time.Now()
	budget, cancel := context.WithTimeoutCause(ctx, pullTimeout, fmt.Errorf("not finished within %s", pullTimeout))
	defer cancel()
	pulling, giveUp := context.WithCancelCause(budget)
	defer giveUp(nil)
	var answered atomic.Bool
	answer := cmp.Or(m.answerTimeout, defaultAnswerTimeout)
	timer := guard.AfterFunc(answer, giveUp, func() {
		if !answered.Load() {
			giveUp(fmt.Errorf("%w within %s", errNoAnswer, answer))
		}
	})
	defer timer.Stop()
	err := m.run(pulling, step{what: "pulling " + ref, cmd: m.Engine.Cmd(pulling, "pull", ref), line: func(l string) {
		if hasAnswered(l) {
			answered.Store(true)
		}
	}})
	if err == nil {
		m.log(fmt.Sprintf("pulled %s in %s", ref, round(time.Since(start))))
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	no := errNoPull{ref, pullReason(err)}
	of := host
	if isMissing(err) {
		of = ref
	}
	m.log(fmt.Sprintf("%v (noticed after %s)", no, round(time.Since(start))))
	return errors.Join(no, m.remember(of, no.why))
}

// hasAnswered reports whether the line shows that the registry has listed the image's layers: the messages of podman (its
// containers/image library) and docker.
func hasAnswered(line string) bool {
	for _, s := range []string{"Getting image source signatures", "Copying blob", "Pulling from", "Pulling fs layer", "Writing manifest"} {
		if strings.Contains(line, s) {
			return true
		}
	}
	return false
}

// isMissing reports whether the registry was reachable and does not have the image, or denies access to it: other images of the
// registry may still be pulled. Docker's classic store and podman print the error codes of the OCI distribution specification,
// docker's containerd store says that a reference was not found.
func isMissing(err error) bool {
	s := strings.ToLower(strings.Join(outputOf(err), "\n"))
	if strings.Contains(s, "failed to resolve reference") && strings.Contains(s, ": not found") {
		return true
	}
	for _, p := range []string{"manifest unknown", "name unknown", "not found: manifest", "access to the resource is denied",
		"unauthorized: ", "no matching manifest for", "no image found in image index"} {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}

func outputOf(err error) []string {
	var b *BuildError
	if errors.As(err, &b) {
		return b.Tail
	}
	return []string{err.Error()}
}

// pullReason is the reason in one line: the timeout, or the last line of the engine's output.
func pullReason(err error) string {
	if b := (*BuildError)(nil); errors.As(err, &b) && errors.Is(err, errNoAnswer) {
		return b.Err.Error()
	}
	tail := outputOf(err)
	if len(tail) == 0 {
		return err.Error()
	}
	return shorten(strings.TrimPrefix(tail[len(tail)-1], "Error: "), 240)
}

func (m *Maker) refusalFile(of string) string {
	return filepath.Join(m.Cache, "images", "no-pull", strings.NewReplacer("/", "_", ":", "_", "@", "_").Replace(of)+".json")
}

// refusalOf is the remembered failure of a registry or an image, if it is not too old.
func (m *Maker) refusalOf(of string) (refusal, bool) {
	var r refusal
	b, err := os.ReadFile(m.refusalFile(of))
	if err != nil || json.Unmarshal(b, &r) != nil {
		return refusal{}, false
	}
	age := time.Since(r.At)
	return r, age >= 0 && age < pullRetryAfter
}

func (m *Maker) remember(of, why string) error {
	b, err := json.Marshal(refusal{time.Now().UTC(), why})
	if err != nil {
		return err
	}
	file := m.refusalFile(of)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	return writeFile(file, append(b, '\n'))
}

// fullRef is a reference in the form that both engines and kind accept: with the registry's host, and without a tag if there is
// a digest (some podman commands reject both together).
func fullRef(ref string) string {
	// The default host (Docker's reference grammar); the library has its older alias.
	hub := strings.TrimPrefix(registry.DefaultRegistry, "index.")
	name, digest, pinned := strings.Cut(ref, "@")
	if pinned {
		if i := strings.LastIndex(name, ":"); i > strings.LastIndex(name, "/") {
			name = name[:i]
		}
	}
	host, _, slash := strings.Cut(name, "/")
	switch {
	case !slash:
		name = hub + "/library/" + name
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		name = hub + "/" + name
	}
	if pinned {
		return name + "@" + digest
	}
	if !strings.Contains(name[strings.LastIndex(name, "/"):], ":") {
		name += ":latest"
	}
	return name
}

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
)

const (
	answerBudget = 10 * time.Second // for a registry to name the image's parts
	pullBudget   = 20 * time.Minute // for all of the image
	refusalHolds = time.Hour        // how long a registry that gave nothing is not asked again
)

// refusal is remembered of a registry that could not be reached, or of an image that it does not have.
type refusal struct {
	At  time.Time `json:"at"`
	Why string    `json:"why"`
}

// errNoPull says that an image cannot be pulled here; it wraps why.
type errNoPull struct {
	ref string
	why string
}

func (e errNoPull) Error() string { return fmt.Sprintf("%s cannot be pulled: %s", e.ref, e.why) }

var errNoAnswer = errors.New("the registry did not answer")

// pull fetches ref into the engine. A registry that is not there is noticed within seconds, and is then not asked
// again for an hour, by no run on this machine. The error is an errNoPull unless ctx has ended.
func (m *Maker) pull(ctx context.Context, ref string) error {
	host, _, _ := strings.Cut(ref, "/")
	for _, of := range []string{host, ref} {
		if r, ok := m.refused(of); ok {
			again := time.Until(r.At.Add(refusalHolds)).Round(time.Minute)
			m.log(fmt.Sprintf("not pulling %s: tried %s ago (%s); tried again in %s, or when %s is removed",
				ref, time.Since(r.At).Round(time.Second), r.Why, again, m.refusalFile(of)))
			return errNoPull{ref, r.Why}
		}
	}
	m.log("pulling " + ref)
	start := time.Now()
	budget, cancel := context.WithTimeoutCause(ctx, pullBudget, fmt.Errorf("not complete within %s", pullBudget))
	defer cancel()
	pulling, giveUp := context.WithCancelCause(budget)
	defer giveUp(nil)
	var answered atomic.Bool
	answer := cmp.Or(m.answer, answerBudget)
	timer := time.AfterFunc(answer, func() {
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
	no := errNoPull{ref, whyNot(err)}
	of := host
	if hasNot(err) {
		of = ref
	}
	m.log(fmt.Sprintf("%v (noticed after %s)", no, round(time.Since(start))))
	return errors.Join(no, m.remember(of, no.why))
}

// hasAnswered knows the lines that an engine writes once the registry has named the image's parts: podman (its
// containers/image library), docker.
func hasAnswered(line string) bool {
	for _, s := range []string{"Getting image source signatures", "Copying blob", "Pulling from", "Pulling fs layer", "Writing manifest"} {
		if strings.Contains(line, s) {
			return true
		}
	}
	return false
}

// hasNot tells that the registry was reached and does not have the image (or does not give it to us), by the
// error codes of the OCI distribution specification as the engines print them.
func hasNot(err error) bool {
	s := strings.ToLower(strings.Join(tailOf(err), "\n"))
	for _, p := range []string{"manifest unknown", "name unknown", "not found: manifest", "access to the resource is denied"} {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}

func tailOf(err error) []string {
	var b *BuildError
	if errors.As(err, &b) {
		return b.Tail
	}
	return []string{err.Error()}
}

// whyNot is the reason in one line: why we gave up, or the last line that the engine wrote.
func whyNot(err error) string {
	if b := (*BuildError)(nil); errors.As(err, &b) && errors.Is(err, errNoAnswer) {
		return b.Err.Error()
	}
	tail := tailOf(err)
	if len(tail) == 0 {
		return err.Error()
	}
	return cut(strings.TrimPrefix(tail[len(tail)-1], "Error: "), 240)
}

func (m *Maker) refusalFile(of string) string {
	return filepath.Join(m.Cache, "images", "no-pull", strings.NewReplacer("/", "_", ":", "_", "@", "_").Replace(of)+".json")
}

// refused tells what is remembered of a registry or an image, if it is fresh enough to hold.
func (m *Maker) refused(of string) (refusal, bool) {
	var r refusal
	b, err := os.ReadFile(m.refusalFile(of))
	if err != nil || json.Unmarshal(b, &r) != nil {
		return refusal{}, false
	}
	age := time.Since(r.At)
	return r, age >= 0 && age < refusalHolds
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

// fullRef writes a reference as both engines and kind take it: with the registry's host, and without a tag where
// there is a digest (podman refuses both together in some of its commands).
func fullRef(ref string) string {
	// What a reference without a host means (Docker's reference grammar); the library has its older alias.
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

package run

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/reports"
)

// write closes the report and writes it. Then it searches all that the run leaves on disk for the cookies: one that is
// found is a fault of ours, and the report says in which file and in which form.
func (s *Session) write(r *reports.Run, trouble error) {
	// Programs of others have written there what they liked: builders, kubelets.
	trouble = errors.Join(trouble, ours("taking cookies out of the logs", s.known.Tree(filepath.Join(s.Dir, "artifacts"))))
	trouble = s.conclude(r, trouble)
	leaks, err := s.known.Leaks(s.Dir)
	if err = ours("searching the results for cookies", err); len(leaks) > 0 {
		err = errors.Join(exitcode.With(exitcode.Internal, fmt.Errorf("a cookie is in the results, do not pass them on: %s", strings.Join(leaks, "; "))), err)
	}
	if err != nil {
		_ = s.conclude(r, errors.Join(trouble, err)) // what is wrong with writing is in the report by now
	}
}

// conclude sets the counts and the exit code and writes the report's files. It returns the trouble with that of writing.
func (s *Session) conclude(r *reports.Run, trouble error) error {
	r.Close(s.discreet(trouble), time.Now())
	err := ours("writing the results", reports.Write(s.Dir, r))
	if err == nil {
		return trouble
	}
	trouble = errors.Join(trouble, err)
	r.Close(s.discreet(trouble), time.Now())
	return trouble
}

// discreet is the same trouble, its code and its words, without a cookie that somebody's output brought into it.
func (s *Session) discreet(trouble error) error {
	if trouble == nil {
		return nil
	}
	return exitcode.With(exitcode.Of(trouble), errors.New(s.known.Text(trouble.Error())))
}

func ours(doing string, err error) error {
	if err == nil {
		return nil
	}
	return exitcode.With(exitcode.Internal, fmt.Errorf("%s: %w", doing, err))
}

package run

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/recording/secrets"
	"meshproof.dev/meshproof/reports"
)

// results is the folder of a run's results, which holds no cookie that the redactor guards.
type results struct {
	dir      string
	redactor *secrets.Redactor
}

// write closes the report and writes it. Then it searches all that the run leaves on disk for the cookies: one that is
// found is our own failure, and the report says in which file and in which form.
func (s *results) write(r *reports.Run, trouble error) {
	// Programs of others have written there what they liked: builders, kubelets.
	trouble = errors.Join(trouble, ours("taking cookies out of the logs", s.redactor.Tree(filepath.Join(s.dir, "artifacts"))))
	trouble = s.conclude(r, trouble)
	leaks, err := s.redactor.Leaks(s.dir)
	if err = ours("searching the results for cookies", err); len(leaks) > 0 {
		err = errors.Join(exitcode.With(exitcode.Internal, fmt.Errorf("a cookie is in the results, do not pass them on: %s", strings.Join(leaks, "; "))), err)
	}
	if r.Leak = err != nil; r.Leak {
		_ = s.conclude(r, errors.Join(trouble, err)) // what is wrong with writing is in the report by now
	}
}

// conclude sets the counts and the exit code and writes the report's files. It returns the trouble with that of writing.
func (s *results) conclude(r *reports.Run, trouble error) error {
	r.Close(s.redactError(trouble), time.Now())
	err := ours("writing the results", reports.Write(s.dir, r))
	if err == nil {
		return trouble
	}
	trouble = errors.Join(trouble, err)
	r.Close(s.redactError(trouble), time.Now())
	return trouble
}

// redactError gives the same trouble, its code and its words, without a cookie that somebody's output brought into it.
func (s *results) redactError(trouble error) error {
	if trouble == nil {
		return nil
	}
	return exitcode.With(exitcode.Of(trouble), errors.New(s.redactor.Text(trouble.Error())))
}

func ours(doing string, err error) error {
	if err == nil {
		return nil
	}
	return exitcode.With(exitcode.Internal, fmt.Errorf("%s: %w", doing, err))
}

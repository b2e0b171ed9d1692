package workload

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
)

// commandBudget is how long a console command may take.
const commandBudget = 60 * time.Second

// Of a command's output the end is kept, keepOutput bytes once its secrets are taken out. No more than maxOutput is held.
const (
	keepOutput = 2000
	maxOutput  = 64 << 10
)

// again is how often a command is run that ends well without a word: on a busy node the stream loses the output of one that is
// quick, and says nothing of it (https://github.com/kubernetes/kubernetes/issues/34256; seen here, too).
const again = 3

// Exec runs a console command in the pod's first container. An event comes of it in any case: one that could not be run
// has the outcome "error". redact takes secrets out of the output before any of it is cut.
func Exec(ctx context.Context, cfg *rest.Config, client kubernetes.Interface, namespace, pod, uid string, c profile.Command, redact func(string) string) (e recording.Exec) {
	for range again {
		if e = attempt(ctx, cfg, client, namespace, pod, uid, c, redact); e.Outcome != recording.OK || e.Code != 0 || e.Output != "" || c.Expect == "" {
			break
		}
	}
	return e
}

func attempt(ctx context.Context, cfg *rest.Config, client kubernetes.Interface, namespace, pod, uid string, c profile.Command, redact func(string) string) recording.Exec {
	e := recording.Exec{Pod: uid, Name: c.Name, Command: c.Run, Expect: c.Expect, Outcome: recording.OK}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, commandBudget)
	defer cancel()
	out := &awaited{text: c.Expect, seen: cancel, after: c.Input != ""}
	err := stream(ctx, cfg, client, namespace, pod, c, out)
	e.Took, e.Output = time.Since(began), last(redact(out.String()), keepOutput)
	var code utilexec.CodeExitError
	switch {
	case err == nil, out.found():
	case errors.As(err, &code):
		e.Code = code.Code
	case errors.Is(err, context.DeadlineExceeded):
		e.Code, e.Detail = -1, "still running after "+commandBudget.String()
	case err != nil && notThere.MatchString(err.Error()):
		e.Code, e.Detail = noProgram, err.Error()
	default:
		// The stream broke: that is ours, and no answer of the command.
		e.Outcome, e.Detail = recording.ProbeError, err.Error()
	}
	return e
}

// noProgram is the exit code with which a shell says that there is no such program, or that it cannot be run.
const noProgram = 127

// notThere is what runtimes say of it: runc and crun, through containerd and CRI-O. It comes as an internal error of the API server.
var notThere = regexp.MustCompile(`(?i)exec(utable)?( file)?:? ["\x60].*(no such file or directory|not found|permission denied)`)

func stream(ctx context.Context, cfg *rest.Config, client kubernetes.Interface, namespace, pod string, c profile.Command, out io.Writer) error {
	req := client.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Command: c.Run, Stdin: c.Input != "", Stdout: true, Stderr: !c.TTY, TTY: c.TTY}, scheme.ParameterCodec)
	command, err := remotecommand.NewSPDYExecutor(cfg, "POST", req.URL())
	if err != nil {
		return err
	}
	o := remotecommand.StreamOptions{Stdout: out, Tty: c.TTY}
	if !c.TTY {
		o.Stderr = out
	}
	if c.Input != "" {
		o.Stdin = &typist{ctx: ctx, text: c.Input}
	}
	return command.StreamWithContext(ctx, o)
}

// typist types the input until the command has ended: a program that is still starting swallows what comes too early.
type typist struct {
	ctx  context.Context //nolint:containedctx // Read has no context of its own
	text string
}

func (t *typist) Read(b []byte) (int, error) {
	select {
	case <-t.ctx.Done():
		return 0, io.EOF
	case <-time.After(time.Second):
		return copy(b, t.text), nil
	}
}

// awaited collects output. Where input is typed, the command would go on for ever: seen is called once the text has come.
type awaited struct {
	text  string
	seen  func()
	after bool

	mu  sync.Mutex
	buf bytes.Buffer
}

func (a *awaited) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.buf.Write(p)
	if a.buf.Len() > 2*maxOutput {
		a.buf.Next(a.buf.Len() - maxOutput)
	}
	if a.after && strings.Contains(a.buf.String(), a.text) {
		a.seen()
	}
	return len(p), nil
}

func (a *awaited) found() bool { return a.after && strings.Contains(a.String(), a.text) }

func (a *awaited) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.buf.String()
}

// last are the last n bytes of s, or what is left of them without half a character.
func last(s string, n int) string { return strings.ToValidUTF8(s[max(0, len(s)-n):], "") }

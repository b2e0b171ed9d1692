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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

// The last keepOutput bytes of a command's output are kept, after its secrets are removed. At most maxOutput is in memory.
const (
	keepOutput = 2000
	maxOutput  = 64 << 10
)

// again is how often a command is run that succeeds without output: on a busy node the stream may lose the output of a quick
// command without an error (https://github.com/kubernetes/kubernetes/issues/34256; seen here, too).
const again = 3

// Exec runs a console command in the pod's container that has the node. It always returns an event: if the command could not be run, its
// outcome is "error". redact removes secrets from the output before it is cut.
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
		// The stream broke: that is a fault of the harness, and no result of the command.
		e.Outcome, e.Detail = recording.ProbeError, err.Error()
	}
	return e
}

// noProgram is the exit code of a shell if there is no such program, or if it cannot be run.
const noProgram = 127

// notThere matches the same error from runc and crun, through containerd and CRI-O. The API server returns it as an internal error.
var notThere = regexp.MustCompile(`(?i)exec(utable)?( file)?:? ["\x60].*(no such file or directory|not found|permission denied)`)

func stream(ctx context.Context, cfg *rest.Config, client kubernetes.Interface, namespace, pod string, c profile.Command, out io.Writer) error {
	container, err := nodeContainer(ctx, client, namespace, pod)
	if err != nil {
		return err
	}
	req := client.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: container, Command: c.Run, Stdin: c.Input != "", Stdout: true, Stderr: !c.TTY, TTY: c.TTY}, scheme.ParameterCodec)
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

// nodeContainer is the container of a pod that has the node: of several the one that the pod names for commands, else the first that
// declares a port of Erlang, else the first. Without a name the API server refuses to choose among several.
func nodeContainer(ctx context.Context, client kubernetes.Interface, namespace, pod string) (string, error) {
	// A list, because a run may list pods and need not get one.
	all, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + pod})
	if err != nil {
		return "", err
	}
	for _, p := range all.Items {
		if p.Name == pod && len(p.Spec.Containers) > 1 {
			return ofSeveral(&p), nil
		}
	}
	return "", nil
}

func ofSeveral(p *corev1.Pod) string {
	if name := p.Annotations["kubectl.kubernetes.io/default-container"]; name != "" {
		return name
	}
	for _, c := range p.Spec.Containers {
		for _, port := range c.Ports {
			if port.ContainerPort == profile.DefaultEPMDPort || strings.Contains(port.Name, "dist") {
				return c.Name
			}
		}
	}
	return p.Spec.Containers[0].Name
}

// typist types the input again until the command has ended: a program that is still starting loses what comes too early.
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

// awaited collects output. If input is typed, the command would run for ever: seen is called once the expected text has come.
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

// last are the last n bytes of s, without an incomplete character at the beginning.
func last(s string, n int) string { return strings.ToValidUTF8(s[max(0, len(s)-n):], "") }

package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"

	"meshproof.dev/meshproof/e2e/recording"
)

// execTimeout limits one command, and maxOutput what it may write.
const (
	execTimeout = 5 * time.Second
	maxOutput   = 1 << 20
)

// noCat matches the error of a container runtime that finds no such program.
var noCat = regexp.MustCompile(`(?i)exec(utable)?( file)?:? ["\x60].*(no such file or directory|not found|permission denied)`)

// errNoCat is the error where no container has the program cat.
var errNoCat = errors.New("none of its containers has the program cat")

// forbidden reports whether the API server refuses a request because of the user's rights. Of port-forward and exec it says so
// in the text of the error alone.
func forbidden(err error) bool {
	return strings.Contains(err.Error(), "forbidden") || strings.Contains(err.Error(), "Forbidden")
}

// onLoopback says what an error of a port-forward means.
func onLoopback(err error) error {
	if err != nil && strings.Contains(err.Error(), "connection refused") {
		return fmt.Errorf("a port-forward ends on the pod's loopback, and nothing listens there (a node that listens on the pod's address alone cannot be reached so): %w", err)
	}
	return err
}

// cat reads files in a container of the pod: the named one, or the first that has the program. No two commands run at a time.
func (w *watch) cat(ctx context.Context, container string, files ...string) (out []byte, err error) {
	containers := strings.Fields(w.now().Containers)
	if container != "" {
		containers = []string{container}
	}
	err = errors.New("no container of it runs")
	for _, in := range containers {
		if out, err = w.run(ctx, in, append([]string{"cat"}, files...)); err == nil || !noCat.MatchString(err.Error()) {
			return out, err
		}
		err = errNoCat
	}
	return nil, err
}

func (w *watch) run(ctx context.Context, container string, command []string) ([]byte, error) {
	o, pod := w.o, w.now()
	w.execs.Lock()
	defer w.execs.Unlock()
	o.done("exec " + command[0])
	ctx, cancel := context.WithTimeout(ctx, execTimeout)
	defer cancel()
	req := o.Client.CoreV1().RESTClient().Post().Resource("pods").Namespace(o.Namespace).Name(pod.Name).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: container, Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	shell, err := remotecommand.NewSPDYExecutor(o.Rest, "POST", req.URL())
	if err != nil {
		return nil, err
	}
	out, says := &limited{}, &limited{}
	if err = shell.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: out, Stderr: says}); err != nil {
		return nil, fmt.Errorf("%s in container %s: %w %s", strings.Join(command, " "), container, err, strings.TrimSpace(says.String()))
	}
	if out.cut {
		return nil, fmt.Errorf("%s in container %s: more than %d bytes", strings.Join(command, " "), container, maxOutput)
	}
	return out.Bytes(), nil
}

// limited keeps the beginning of an output.
type limited struct {
	bytes.Buffer
	cut bool
}

func (l *limited) Write(b []byte) (int, error) {
	if l.Len()+len(b) > maxOutput {
		l.cut = true
		return len(b), nil
	}
	return l.Buffer.Write(b)
}

// failed records that cat did not work. Where it never will, these kinds of events are lost.
func (w *watch) failed(err error, kinds ...recording.Kind) {
	if errors.Is(err, errNoCat) || forbidden(err) {
		for _, k := range kinds {
			w.o.lose(what[k]+" of "+w.now().Name+": "+firstLine(err), k)
		}
	}
}

// what cat reads, for a sentence.
var what = map[recording.Kind]string{recording.KindSockets: "the socket table", recording.KindVM: "the command line of the VM"}

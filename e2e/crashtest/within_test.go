package crashtest

import (
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// TestWithinANamespace runs in one namespace of somebody's cluster: a second run there is refused, and one that was killed is removed
// by its reaper.
func TestWithinANamespace(t *testing.T) {
	p := build(t)
	c := somebody(t, p.root)
	team := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team"}}
	if _, err := kubernetes.NewForConfigOrDie(c.Config).CoreV1().Namespaces().Create(t.Context(), team, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	before := settled(t, c.Config)
	left := func() []string { return before.differences(take(t, c.Config)) }
	args := append([]string{"run", "-f", "dns-a", "-n", "team"}, on(c)...)

	// In the namespace shop an application with the same names and labels runs.
	refused := p.start(t, nil, append([]string{"run", "-f", "dns-a", "-n", "shop"}, on(c)...)...)
	refused.must(t, 69)
	if d := missing(refused, "deployment derl exists in namespace shop and is not ours"); len(d)+len(left()) > 0 {
		t.Errorf("%s; %s\n%s", d, left(), refused.output())
	}

	first := p.start(t, nil, args...)
	waitFor(t, 2*time.Minute, func() []string { return missing(first, "deployed to namespace team") })
	second := p.start(t, nil, args...)
	second.must(t, 69)
	if says := "of meshproof works in namespace team since "; !strings.Contains(second.output(), says) {
		t.Errorf("the second run does not say %q:\n%s", says, second.output())
	}
	first.must(t, 0)
	if d := left(); len(d) > 0 {
		t.Errorf("after the run:\n  %s", strings.Join(d, "\n  "))
	}

	killed := p.start(t, nil, args...)
	waitFor(t, 2*time.Minute, func() []string { return missing(killed, "deployed to namespace team") })
	killed.signal(t, syscall.SIGKILL)
	if d := before.foreign(take(t, c.Config)); len(d) > 0 {
		t.Errorf("right after the end: %s", strings.Join(d, "; "))
	}
	t.Logf("as it was %.1f s after the end", waitFor(t, deadline, left).Seconds())
}

// missing is the text, until the run says it.
func missing(r *running, text string) []string {
	if strings.Contains(r.output(), text) {
		return nil
	}
	return []string{"the run does not say: " + text}
}

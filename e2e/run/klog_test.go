package run

import (
	"errors"
	"strings"
	"testing"

	"k8s.io/klog/v2"
)

// What client-go logs does not go to stderr, where a status may be drawn.
func TestTheClientsLogIsProgress(t *testing.T) {
	defer klog.ClearLogger()
	var said []string
	logOfClient(func(line string) { said = append(said, line) })
	klog.Background().Error(errors.New("no answer"), "reading the body")
	klog.Warning("throttled")
	klog.Background().V(4).Info("details")
	if len(said) != 2 || !strings.HasPrefix(said[0], "client-go: ") || !strings.Contains(said[0], "reading the body") || !strings.Contains(said[0], "no answer") || !strings.Contains(said[1], "throttled") {
		t.Errorf("%q", said)
	}
}

package run

import (
	"github.com/go-logr/logr/funcr"
	"k8s.io/klog/v2"
)

// logOfClient lets what client-go logs be lines of the run's progress. By itself it writes to stderr, in the middle of a status that
// is drawn there.
func logOfClient(log func(string)) {
	klog.SetLogger(funcr.New(func(_, text string) { log("client-go: " + text) }, funcr.Options{}))
}

package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestVMLongNames(t *testing.T) {
	apart := func(s *rt.Recording) { blind(s, 0, 2, 0) }
	short := vm(2, func(m *recording.VM) { instead("-name", "-sname")(m); m.VMArgs[0] = "-sname derl" })
	shortKernel := kernel(2, func(k *recording.Kernel) { k.Names = "shortnames" })
	try(t, "vm/long-names", slices.Concat([]trial{
		{"one short", all(apart, short, shortKernel), []want{{pod(2), check.Fail, "short-among-long", []string{rt.Node(2), rt.Name(0) + " and " + rt.Name(1), "/tmp/vm.args: -sname derl"}}}},
		{"one short, by its command line", all(apart, nameless(2), short), []want{{pod(2), check.Fail, "short-among-long", nil}}},
		{"all short", all(apart, kernel(0, func(k *recording.Kernel) { k.Names = "shortnames" }), kernel(1, func(k *recording.Kernel) { k.Names = "shortnames" }), shortKernel),
			[]want{{"pod *", check.Fail, "short-names", []string{"10.244.0.", "no dot"}}}},
		{"all short, and a full mesh", all(kernel(0, func(k *recording.Kernel) { k.Names = "shortnames" }), kernel(1, func(k *recording.Kernel) { k.Names = "shortnames" }), shortKernel), nil},
		{"no name", undistributed(), []want{{pod(2), check.NotApplicable, "", []string{"no name"}}}},
	}, unseenVM()))
}

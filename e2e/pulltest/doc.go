// Package pulltest takes the road on which images are pulled, where no registry of the internet is in reach: a registry beside the
// run serves images of ours under the names that scripts/versions.env pins, and the container engine is told to ask it in place of
// the default one. The program is the meshproof binary, built with pins that name what the registry has.
//
// In: the binary, a container engine, a registry. Out: tests, which run only when asked (MESHPROOF_PULL_TEST=1, which `make pull`
// sets) and take some minutes. Nothing but tests is here.
//
// What it cannot show: kind's own pod network, whose image is in the real node image only. The node image that is served brings
// the pod network of ours, and a manifest that kind applies in its place.
package pulltest

// Command kubernetes is kubeadm, kubelet, kubectl, kube-proxy and the three programs of the control plane: the name under
// which it is started says which one. They share nearly all packages, so that one program is linked, stored and loaded in
// a third of the time and space that seven take.
//
// Each case is the main function of k8s.io/kubernetes/cmd/NAME.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	_ "time/tzdata" // a CronJob may name a time zone, and the image has no zone files

	"github.com/spf13/cobra"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // kubectl's ways to log in
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubeadm "k8s.io/kubernetes/cmd/kubeadm/app"
	kubeadmerrors "k8s.io/kubernetes/cmd/kubeadm/app/util/errors"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	name := filepath.Base(os.Args[0])
	if name != "kubelet" {
		// Packages that only the kubelet uses have declared flags, and kubectl and kubeadm would offer them as their own.
		flag.CommandLine = flag.NewFlagSet(os.Args[0], flag.ExitOnError)
	}
	switch name {
	case "kubeadm":
		kubeadmerrors.HandleError(kubeadm.Run())
	case "kubectl":
		_, _ = logs.GlogSetter(cmd.GetLogVerbosity(os.Args))
		if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
			util.CheckErr(err)
		}
	case "kubelet":
		run(kubelet.NewKubeletCommand(context.Background()))
	case "kube-apiserver":
		run(apiserver.NewAPIServerCommand())
	case "kube-controller-manager":
		run(controllers.NewControllerManagerCommand())
	case "kube-scheduler":
		run(scheduler.NewSchedulerCommand())
	case "kube-proxy":
		run(proxy.NewProxyCommand())
	default:
		fmt.Fprintf(os.Stderr, "%s is none of kubeadm, kubectl, kubelet, kube-apiserver, kube-controller-manager, kube-scheduler, kube-proxy\n", name)
		os.Exit(64)
	}
}

func run(c *cobra.Command) { os.Exit(cli.Run(c)) }

package manifest

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// kind is one that has a type here. Its fields that count are the same in all versions of its groups.
type kind struct {
	groups []string
	object func() runtime.Object
}

var kinds = map[string]kind{
	"Deployment":              {[]string{"apps", "extensions"}, func() runtime.Object { return new(appsv1.Deployment) }},
	"StatefulSet":             {[]string{"apps"}, func() runtime.Object { return new(appsv1.StatefulSet) }},
	"ReplicaSet":              {[]string{"apps", "extensions"}, func() runtime.Object { return new(appsv1.ReplicaSet) }},
	"DaemonSet":               {[]string{"apps", "extensions"}, func() runtime.Object { return new(appsv1.DaemonSet) }},
	"ReplicationController":   {[]string{""}, func() runtime.Object { return new(corev1.ReplicationController) }},
	"Pod":                     {[]string{""}, func() runtime.Object { return new(corev1.Pod) }},
	"Job":                     {[]string{"batch"}, func() runtime.Object { return new(batchv1.Job) }},
	"CronJob":                 {[]string{"batch"}, func() runtime.Object { return new(batchv1.CronJob) }},
	"Service":                 {[]string{""}, func() runtime.Object { return new(corev1.Service) }},
	"ConfigMap":               {[]string{""}, func() runtime.Object { return new(corev1.ConfigMap) }},
	"Secret":                  {[]string{""}, func() runtime.Object { return new(corev1.Secret) }},
	"ServiceAccount":          {[]string{""}, func() runtime.Object { return new(corev1.ServiceAccount) }},
	"Namespace":               {[]string{""}, func() runtime.Object { return new(corev1.Namespace) }},
	"PersistentVolumeClaim":   {[]string{""}, func() runtime.Object { return new(corev1.PersistentVolumeClaim) }},
	"Role":                    {[]string{rbacv1.GroupName}, func() runtime.Object { return new(rbacv1.Role) }},
	"ClusterRole":             {[]string{rbacv1.GroupName}, func() runtime.Object { return new(rbacv1.ClusterRole) }},
	"RoleBinding":             {[]string{rbacv1.GroupName}, func() runtime.Object { return new(rbacv1.RoleBinding) }},
	"ClusterRoleBinding":      {[]string{rbacv1.GroupName}, func() runtime.Object { return new(rbacv1.ClusterRoleBinding) }},
	"NetworkPolicy":           {[]string{networkingv1.GroupName, "extensions"}, func() runtime.Object { return new(networkingv1.NetworkPolicy) }},
	"HorizontalPodAutoscaler": {[]string{"autoscaling"}, func() runtime.Object { return new(autoscalingv2.HorizontalPodAutoscaler) }},
}

// typeOf is an empty object of the kind, nil where this package has no type for it: a Service of serving.knative.dev is none of
// Kubernetes' own. An object that names no apiVersion is taken for what its kind says.
func typeOf(apiVersion, name string) runtime.Object {
	k, known := kinds[name]
	group, _, grouped := strings.Cut(apiVersion, "/")
	if !grouped {
		group = ""
	}
	if !known || apiVersion != "" && !slices.Contains(k.groups, group) {
		return nil
	}
	return k.object()
}

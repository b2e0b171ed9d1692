package workload

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// NewCookie is a cookie that nobody can guess.
func NewCookie() []byte { return fmt.Appendf(nil, "rotated-%016x%016x", rand.Uint64(), rand.Uint64()) }

// SetSecret changes the value of one key of a Secret. Pods that read it through their environment keep the old one.
func SetSecret(ctx context.Context, client kubernetes.Interface, namespace, name, key string, value []byte) error {
	patch, err := json.Marshal(map[string]any{"data": map[string][]byte{key: value}})
	if err != nil {
		return err
	}
	if _, err = client.CoreV1().Secrets(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("secret %s: %w", name, err)
	}
	return nil
}

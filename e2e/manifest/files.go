package manifest

import (
	"maps"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// File is one file that a volume puts into a container.
type File struct {
	// Path is where the container finds it. Of a ConfigMap or Secret that is not in the set, all of whose keys are mounted, it
	// is the folder.
	Path string
	// Kind, Object and Key are where it comes from: a ConfigMap, a Secret, the DownwardAPI (Key is the field), or a
	// ServiceAccountToken. Key is "" where it is not known.
	Kind, Object, Key string
	// Content is what stands in it; only that of a ConfigMap is ever known. Nothing in a file is expanded.
	Content string
	// Missing tells that the object, or the key, is not in the set.
	Missing bool
	// Mode is what the manifests ask for; fsGroup makes files of a volume readable by the group whatever it is
	// (SetVolumeOwnership in kubernetes/pkg/volume/volume_linux.go).
	Mode int32
	// Volume and Mount lead to the volume and to the container's volumeMount in the document.
	Volume, Mount []any
}

// Files are those that the volumes of ConfigMaps, Secrets, the downward API and projected ones put into a container, in the order
// of its volumeMounts. With subPath only one file, or what is below one folder, is mounted, under mountPath itself.
func (s *Set) Files(w *Workload, c *Container) []File {
	var all []File
	for i, m := range c.VolumeMounts {
		for j, v := range w.Pod().Volumes {
			if v.Name != m.Name {
				continue
			}
			sub := m.SubPath
			if m.SubPathExpr != "" {
				sub = s.Env(w, c).Expand(m.SubPathExpr).Value
			}
			for _, f := range s.volume(w.Namespace, v) {
				if f.Path = mounted(f.Path, path.Clean("/"+sub), m.MountPath); f.Path == "" {
					continue
				}
				f.Volume, f.Mount = w.PodPath("spec", "volumes", j), c.At("volumeMounts", i)
				all = append(all, f)
			}
		}
	}
	return all
}

// mounted is where a file of a volume is in the container, "" where it is not below sub. file and sub begin with "/".
func mounted(file, sub, at string) string {
	switch {
	case sub == "/":
		return path.Join(at, file)
	case file == sub, file == "/": // "/": a whole volume of which nothing is known
		return path.Clean(at)
	case strings.HasPrefix(file, sub+"/"):
		return path.Join(at, strings.TrimPrefix(file, sub))
	}
	return ""
}

// volume lists a volume's files; their Path is the one in the volume, "/" for all of a volume that is not known.
func (s *Set) volume(namespace string, v corev1.Volume) []File {
	switch {
	case v.ConfigMap != nil:
		return s.configMap(namespace, v.ConfigMap.Name, v.ConfigMap.Items, v.ConfigMap.DefaultMode)
	case v.Secret != nil:
		return s.secret(namespace, v.Secret.SecretName, v.Secret.Items, v.Secret.DefaultMode)
	case v.DownwardAPI != nil:
		return downward(v.DownwardAPI.Items, v.DownwardAPI.DefaultMode)
	case v.Projected != nil:
		var all []File
		for _, p := range v.Projected.Sources {
			switch mode := v.Projected.DefaultMode; {
			case p.ConfigMap != nil:
				all = append(all, s.configMap(namespace, p.ConfigMap.Name, p.ConfigMap.Items, mode)...)
			case p.Secret != nil:
				all = append(all, s.secret(namespace, p.Secret.Name, p.Secret.Items, mode)...)
			case p.DownwardAPI != nil:
				all = append(all, downward(p.DownwardAPI.Items, mode)...)
			case p.ServiceAccountToken != nil:
				all = append(all, File{Kind: "ServiceAccountToken", Path: path.Clean("/" + p.ServiceAccountToken.Path), Mode: modeOf(nil, mode)})
			}
		}
		return all
	}
	return nil
}

// modeOf is the mode of a file: its own, else the volume's, else 0644 (corev1.ConfigMapVolumeSourceDefaultMode and its like).
func modeOf(own, volume *int32) int32 {
	switch {
	case own != nil:
		return *own
	case volume != nil:
		return *volume
	}
	return corev1.ConfigMapVolumeSourceDefaultMode
}

func (s *Set) configMap(namespace, name string, items []corev1.KeyToPath, mode *int32) []File {
	m, there := find[*corev1.ConfigMap](s, "ConfigMap", namespace, name)
	var keys []string
	if there {
		keys = slices.Sorted(maps.Keys(m.Data))
		keys = append(keys, slices.Sorted(maps.Keys(m.BinaryData))...)
	}
	all := keyed("ConfigMap", name, keys, there, items, mode)
	for i := range all {
		if there {
			all[i].Content = m.Data[all[i].Key]
		}
	}
	return all
}

func (s *Set) secret(namespace, name string, items []corev1.KeyToPath, mode *int32) []File {
	m, there := find[*corev1.Secret](s, "Secret", namespace, name)
	var keys []string
	if there {
		keys = Keys(m)
	}
	return keyed("Secret", name, keys, there, items, mode)
}

// keyed are the files of an object's keys: those of the items, or all where there are none.
func keyed(kind, name string, keys []string, there bool, items []corev1.KeyToPath, mode *int32) []File {
	var all []File
	for _, i := range items {
		all = append(all, File{Kind: kind, Object: name, Key: i.Key, Path: path.Clean("/" + i.Path), Mode: modeOf(i.Mode, mode), Missing: !slices.Contains(keys, i.Key)})
	}
	if len(items) > 0 {
		return all
	}
	if !there {
		return []File{{Kind: kind, Object: name, Path: "/", Mode: modeOf(nil, mode), Missing: true}}
	}
	for _, k := range keys {
		all = append(all, File{Kind: kind, Object: name, Key: k, Path: "/" + k, Mode: modeOf(nil, mode)})
	}
	return all
}

func downward(items []corev1.DownwardAPIVolumeFile, mode *int32) []File {
	var all []File
	for _, i := range items {
		f := File{Kind: "DownwardAPI", Path: path.Clean("/" + i.Path), Mode: modeOf(i.Mode, mode)}
		if i.FieldRef != nil {
			f.Key = i.FieldRef.FieldPath
		} else if i.ResourceFieldRef != nil {
			f.Key = i.ResourceFieldRef.Resource
		}
		all = append(all, f)
	}
	return all
}

package check

import "strings"

// crash is what the last words of a VM or of its start script tell about why it did not start.
type crash struct {
	code   string
	words  []string // lower case; one of them stands in the line
	remedy string
}

// crashes are told apart in this order: the first that fits a line of the log is the diagnosis.
var crashes = []crash{
	{"cookie-file", []string{"must be accessible by owner only"}, "mount the cookie file with mode 0400 and no fsGroup, or give the cookie by -setcookie ${COOKIE} in vm.args.src"},
	{"name-taken", []string{"seems to be in use by another erlang node"}, "give each pod a name of its own (name@$(POD_IP)), and start no second VM under the node's name"},
	{"bad-name", []string{"can't set long node name", "can't set short node name", "invalid node name", "invalid_node_name"}, "give the VM a whole name: -name derl@${POD_IP}, with env {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}"},
	{"port-taken", []string{"eaddrinuse", "address already in use"}, "see what else listens on that port in the pod's network (hostNetwork, a second VM, inet_dist_listen_min in ERL_FLAGS)"},
	{"epmd-unreachable", []string{"register/listen error: econnrefused", "no_reg_reply_from_epmd", "error_connecting_to_epmd", "[\"inet_tcp\",econnrefused]"}, "see that epmd may start in the container and is not bound to another address (ERL_EPMD_ADDRESS), or go without: ERL_DIST_PORT"},
	{"wrong-architecture", []string{"exec format error"}, "build the image for the architecture of the nodes (docker buildx build --platform …)"},
	{"read-only", []string{"read-only file system", ": cannot create "}, "mount an emptyDir at /tmp and set RELX_OUT_FILE_PATH=/tmp (RELEASE_TMP=/tmp): the start script writes vm.args and sys.config"},
}

// lastWords finds the line of a log that tells why the VM did not start.
func lastWords(log []string) (line string, why crash, found bool) {
	for _, c := range crashes {
		for _, l := range log {
			for _, w := range c.words {
				if strings.Contains(strings.ToLower(l), w) {
					return l, c, true
				}
			}
		}
	}
	return "", crash{}, false
}

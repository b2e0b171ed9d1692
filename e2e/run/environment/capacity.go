package environment

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// podsPerCore bounds how many pods run at the same time on a cluster of ours. With 15 pods a core the load was 40 on two cores,
// and the agent was not heard for a minute (measured); what is not heard is unknown. Since pods have socket tables of their own
// and the agent looks at processes once for all, 12 are no trouble.
const podsPerCore = 12

// podMemory is what a pod of the fixtures takes of the machine: the VM, its shim and its share of the kubelet's work.
const podMemory = 130 << 20

// capacity is how many pods may run at the same time.
func capacity(cores int, available int64) int {
	n := cores * podsPerCore
	if available > 0 {
		n = min(n, int(available/podMemory))
	}
	return max(n, 4)
}

// memAvailable is what the machine has left, in bytes; 0 where that cannot be read.
func memAvailable() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if w := strings.Fields(lines.Text()); len(w) == 3 && w[0] == "MemAvailable:" {
			kb, _ := strconv.ParseInt(w[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}

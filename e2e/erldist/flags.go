package erldist

import (
	"fmt"
	"math/bits"
	"strings"
)

// Flags is a node's set of distribution flags: the features that it supports. A connection has the flags that both sides
// have. Source: erl_dist_protocol, "Distribution Flags", and erts/emulator/beam/dist.h.
type Flags uint64

// The flags that matter to this package or to a diagnosis.
const (
	FlagPublished           Flags = 1 << 0 // a visible node; a peer does not set it for a hidden node such as this client
	FlagExtendedReferences  Flags = 1 << 2
	FlagFunTags             Flags = 1 << 4
	FlagNewFunTags          Flags = 1 << 7
	FlagExtendedPidsPorts   Flags = 1 << 8
	FlagExportPtrTag        Flags = 1 << 9
	FlagBitBinaries         Flags = 1 << 10
	FlagNewFloats           Flags = 1 << 11
	FlagUTF8Atoms           Flags = 1 << 16
	FlagMapTag              Flags = 1 << 17
	FlagBigCreation         Flags = 1 << 18
	FlagHandshake23         Flags = 1 << 24
	FlagUnlinkID            Flags = 1 << 25
	FlagMandatory25Digest   Flags = 1 << 26 // stands for the flags that OTP 25 requires; the protocol guide has a wrong bit (36)
	FlagNameMe              Flags = 1 << 33 // the sender has only a host part and requests a name from the receiver (OTP 23)
	FlagV4NC                Flags = 1 << 34 // 64-bit pids and ports
	flagDistHeaderAtomCache Flags = 1 << 13
	flagFragments           Flags = 1 << 23
)

// mandatoryFlags are the flags that OTP 26 and later require: 0x403070F94. OTP 25 requires fewer and accepts these.
const mandatoryFlags = FlagExtendedReferences | FlagFunTags | FlagNewFunTags | FlagExtendedPidsPorts | FlagExportPtrTag |
	FlagBitBinaries | FlagNewFloats | FlagUTF8Atoms | FlagMapTag | FlagBigCreation | FlagHandshake23 | FlagUnlinkID | FlagV4NC

// ourFlags are the flags of a hidden node that gets its name from the peer and uses plain pass-through frames. They never
// contain FlagPublished: a visible probe that connects and disconnects takes part in global's partition handling and can
// break the mesh that it observes. They contain neither the distribution header nor fragments, which are optional and need
// state, nor monitors and spawn requests: so a call from the peer to this client fails at once (notsup) instead of hanging.
const ourFlags = mandatoryFlags | FlagNameMe

var flagNames = [64]string{
	0: "PUBLISHED", 1: "ATOM_CACHE", 2: "EXTENDED_REFERENCES", 3: "DIST_MONITOR", 4: "FUN_TAGS", 5: "DIST_MONITOR_NAME",
	6: "HIDDEN_ATOM_CACHE", 7: "NEW_FUN_TAGS", 8: "EXTENDED_PIDS_PORTS", 9: "EXPORT_PTR_TAG", 10: "BIT_BINARIES",
	11: "NEW_FLOATS", 12: "UNICODE_IO", 13: "DIST_HDR_ATOM_CACHE", 14: "SMALL_ATOM_TAGS", 15: "ETS_COMPRESSED", 16: "UTF8_ATOMS",
	17: "MAP_TAG", 18: "BIG_CREATION", 19: "SEND_SENDER", 20: "BIG_SEQTRACE_LABELS", 22: "EXIT_PAYLOAD", 23: "FRAGMENTS",
	24: "HANDSHAKE_23", 25: "UNLINK_ID", 26: "MANDATORY_25_DIGEST", 32: "SPAWN", 33: "NAME_ME", 34: "V4_NC", 35: "ALIAS", 37: "ALTACT_SIG",
}

// String lists the flags by OTP's names, lowest bit first; an unknown bit is shown as its number.
func (f Flags) String() string {
	var names []string
	for rest := uint64(f); rest != 0; rest &= rest - 1 {
		bit := bits.TrailingZeros64(rest)
		name := flagNames[bit]
		if name == "" {
			name = fmt.Sprintf("bit %d", bit)
		}
		names = append(names, name)
	}
	return strings.Join(names, ",")
}

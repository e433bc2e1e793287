package code

import (
	"bytes"
	"encoding/binary"
)

// mark is a sequence of bytes that begins a file.
type mark struct {
	bytes, what string
}

// marks lists machine code and its kin that the first bytes tell for certain.
var marks = []mark{
	{"\xfe\xed\xfa\xce", "machine code (Mach-O)"},
	{"\xfe\xed\xfa\xcf", "machine code (Mach-O)"},
	{"\xce\xfa\xed\xfe", "machine code (Mach-O)"},
	{"\xcf\xfa\xed\xfe", "machine code (Mach-O)"},
	{"\x00asm\x01\x00\x00\x00", "machine code (WebAssembly)"},
	{"\x00asm\x0d\x00\x01\x00", "machine code (WebAssembly component)"},
	{"\x50\xed\x55\xba", "kernels for graphics processors (CUDA fat binary)"},
	{"MTLB", "kernels for graphics processors (Metal library)"},
	{"\x03\x02\x23\x07", "kernels for graphics processors (SPIR-V)"},
	{"\x07\x23\x02\x03", "kernels for graphics processors (SPIR-V)"},
	{"BC\xc0\xde", "compiled code (LLVM bitcode)"},
	{"\xde\xc0\x17\x0b", "compiled code (LLVM bitcode)"},
	{"dex\n03", "compiled code (Dalvik)"},
	{"\x1bLua", "compiled code (Lua)"},
	{"!<arch>\n", "a library of machine code (ar archive)"},
	{"!<thin>\n", "a library of machine code (ar archive)"},
	// A program with a model inside; its mark is a DOS header and a shell script at once.
	{"MZqFpD", "machine code (a program that runs on several systems)"},
}

// The kinds of ELF files and machines that are told apart (System V ABI, gabi 4.1).
const (
	elfShared = 3
	elfCUDA   = 190
	elfAMDGPU = 224
)

// machine tells machine code and compiled code by the first bytes, whatever its name.
func machine(head []byte) (what string, ok bool) {
	for _, m := range marks {
		if bytes.HasPrefix(head, []byte(m.bytes)) {
			return m.what, true
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return elf(head), true
	case portable(head):
		return "machine code (Windows program or library)", true
	case bytes.HasPrefix(head, []byte("\xca\xfe\xba\xbe")) && len(head) >= 8:
		// A fat Mach-O file counts its few parts where a Java class has its version,
		// which begins at 45.
		if binary.BigEndian.Uint32(head[4:]) < 45 {
			return "machine code (Mach-O for several processors)", true
		}
		return "compiled code (Java class)", true
	case len(head) >= 16 && head[2] == '\r' && head[3] == '\n' && head[1] >= 0x0b && head[1] <= 0x0f && binary.LittleEndian.Uint32(head[4:]) < 4:
		// The versions 3000 to 4095 of Python's own numbering, and the flags of PEP 552.
		return "compiled code (Python)", true
	}
	return "", false
}

func elf(head []byte) string {
	if len(head) < 20 {
		return "machine code (ELF)"
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[5] == 2 {
		order = binary.BigEndian
	}
	switch order.Uint16(head[18:]) {
	case elfCUDA:
		return "kernels for graphics processors (CUDA binary)"
	case elfAMDGPU:
		return "kernels for graphics processors (AMD binary)"
	}
	if order.Uint16(head[16:]) == elfShared {
		return "machine code (ELF shared library or program)"
	}
	return "machine code (ELF)"
}

// portable reports whether head begins like a Portable Executable: a DOS header that
// points at the letters PE.
func portable(head []byte) bool {
	if len(head) < 64 || head[0] != 'M' || head[1] != 'Z' {
		return false
	}
	at := uint64(binary.LittleEndian.Uint32(head[60:]))
	return at+4 <= uint64(len(head)) && string(head[at:at+4]) == "PE\x00\x00"
}

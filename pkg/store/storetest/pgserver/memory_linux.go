package pgserver

import "syscall"

// enoughMemory is how much the tests of all packages may fill together. Containers often have 64 MiB here, which is
// too little.
const enoughMemory = 4 << 30

// memoryFolder returns a folder that is in memory, or "" (the default folder) if too little memory is free.
func memoryFolder() string {
	var fs syscall.Statfs_t
	if err := syscall.Statfs("/dev/shm", &fs); err != nil || fs.Bavail*uint64(fs.Bsize) < enoughMemory {
		return ""
	}
	return "/dev/shm"
}

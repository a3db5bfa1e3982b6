package pgserver

import "syscall"

// enoughMemory is what the tests of every package may fill together; containers often have 64 MiB here, which is not.
const enoughMemory = 4 << 30

// memoryFolder answers a folder that lies in memory, or "" (the default one) where too little of it is free.
func memoryFolder() string {
	var fs syscall.Statfs_t
	if err := syscall.Statfs("/dev/shm", &fs); err != nil || fs.Bavail*uint64(fs.Bsize) < enoughMemory {
		return ""
	}
	return "/dev/shm"
}

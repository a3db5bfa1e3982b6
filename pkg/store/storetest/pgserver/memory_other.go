//go:build !linux

package pgserver

// memoryFolder answers "": only Linux has a folder in memory at a known place.
func memoryFolder() string { return "" }

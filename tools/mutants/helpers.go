package main

// helperCode is added to the mutated package. A helper evaluates its operands once, and in their order.
const helperCode = `
import (
	mutant_cmp "cmp"
	mutant_os "os"
	mutant_strconv "strconv"
	mutant_sync "sync"
	mutant_time "time"
)

var (
	mutant__active, _ = mutant_strconv.Atoi(mutant_os.Getenv("MUTANT"))
	mutant__trace     = mutant__open()
	mutant__seen      mutant_sync.Map
)

func mutant__open() *mutant_os.File {
	path := mutant_os.Getenv("MUTANT_TRACE")
	if path == "" {
		return nil
	}
	f, err := mutant_os.OpenFile(path, mutant_os.O_APPEND|mutant_os.O_CREATE|mutant_os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	return f
}

func mutant__on(id int) bool {
	if mutant__trace != nil {
		if _, seen := mutant__seen.LoadOrStore(id, true); !seen {
			mutant__trace.WriteString(mutant_strconv.Itoa(id) + "\n")
		}
	}
	return id == mutant__active
}

type mutant__number interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}
type mutant__whole interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

func mutant__less[T mutant_cmp.Ordered](id int, a, b T) bool  { return a < b || mutant__on(id) && a == b }
func mutant__most[T mutant_cmp.Ordered](id int, a, b T) bool  { return a < b || a == b && !mutant__on(id) }
func mutant__more[T mutant_cmp.Ordered](id int, a, b T) bool  { return a > b || mutant__on(id) && a == b }
func mutant__least[T mutant_cmp.Ordered](id int, a, b T) bool { return a > b || a == b && !mutant__on(id) }

func mutant__before(id int, a, b mutant_time.Time) bool {
	return a.Before(b) || mutant__on(id) && a.Equal(b)
}
func mutant__after(id int, a, b mutant_time.Time) bool {
	return a.After(b) || mutant__on(id) && a.Equal(b)
}

func mutant__and(id int, a bool, b func() bool) bool {
	if mutant__on(id) {
		return a || b()
	}
	return a && b()
}
func mutant__or(id int, a bool, b func() bool) bool {
	if mutant__on(id) {
		return a && b()
	}
	return a || b()
}

func mutant__plus[T mutant__number](id int, a, b T) T {
	if mutant__on(id) {
		return a - b
	}
	return a + b
}
func mutant__minus[T mutant__number](id int, a, b T) T {
	if mutant__on(id) {
		return a + b
	}
	return a - b
}
func mutant__times[T mutant__number](id int, a, b T) T {
	if mutant__on(id) && b != 0 {
		return a / b
	}
	return a * b
}
func mutant__by[T mutant__number](id int, a, b T) T {
	if mutant__on(id) {
		return a * b
	}
	return a / b
}
func mutant__rest[T mutant__whole](id int, a, b T) T {
	if mutant__on(id) {
		return a * b
	}
	return a % b
}

// The second operand gives an untyped constant its type.
func mutant__sign[T mutant__number](id int, a T, _ ...T) T {
	if mutant__on(id) {
		return -a
	}
	return a
}
`

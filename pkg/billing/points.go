package billing

// Points is a number of points: a whole number, never negative in a balance, signed in an entry.
type Points int64

// MaxPoints bounds every amount of points that comes from outside. 2^20 such amounts add up without overflow, and each
// stays exact in a JSON reader that keeps numbers as 64-bit floats.
const MaxPoints Points = 1 << 43

// Balance is what an account owns. Available + Held - Debt is the sum of its entries. None of the three is negative,
// and Debt is positive only while Available is 0.
type Balance struct {
	Available Points
	Held      Points
	Debt      Points
}

// Total returns the sum of the account's entries.
func (b Balance) Total() Points { return b.Available + b.Held - b.Debt }

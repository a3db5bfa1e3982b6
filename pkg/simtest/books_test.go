package simtest

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
)

// move is a client's request about one account, and outcome is what the client was told. The sequential model below
// says which outcomes a move may have when moves happen one after the other.
type move struct {
	kind   string // spend, grant, hold, capture, release, read
	amount int64
	hold   string // for capture and release
}

type outcome struct {
	refused         bool   // too few points, or the hold had ended
	hold            string // that was made
	shown           bool   // available and held are those that the move left; a repeat shows those of some later time
	available, held int64
	// stated reports whether total is the balance that the move's entry states. A repeat states it as well.
	stated bool
	total  int64
	entry  string // names the entry that the change appended
	turn   int    // the move's place in the order, counted from 1; 0: not known
}

// books is the state of an account's points. Active holds are a sorted text, so that equal books are equal values.
type books struct {
	available, held int64
	active          string
	moves           int // made so far
}

// model is the account as a sequential object. It does not know how the product stores points. If outcomes state their
// turn, the check is whether exactly that order explains the history. To search for an order takes time that grows
// exponentially with the number of overlapping moves.
func model(available int64) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return books{available: available} },
		Step: func(state, input, output any) (bool, any) {
			before, m, o := state.(books), input.(move), output.(outcome)
			after, ok := before.take(m, o)
			after.moves++
			ok = ok && (o.turn == 0 || o.turn == after.moves)
			if o.shown && (after.available != o.available || after.held != o.held) {
				return false, after
			}
			if o.stated && after.available+after.held != o.total {
				return false, after
			}
			return ok, after
		},
	}
}

// explain returns the books after a move. It reports whether the move can have had this outcome and left what the
// client was shown.
func (b books) explain(m move, o outcome) (after books, ok bool) {
	after, ok = b.take(m, o)
	after.moves++
	shown := !o.shown || after.available == o.available && after.held == o.held
	stated := !o.stated || after.available+after.held == o.total
	return after, ok && shown && stated
}

// take returns the books after a move with such an outcome, and false if the move cannot have that outcome.
func (b books) take(m move, o outcome) (books, bool) {
	amount, rest, isActive := b.without(m.hold)
	switch m.kind {
	case "read":
		return b, true
	case "grant":
		b.available += m.amount
		return b, !o.refused
	case "spend", "hold":
		if o.refused {
			return b, b.available < m.amount
		}
		if b.available < m.amount {
			return b, false
		}
		b.available -= m.amount
		if m.kind == "hold" {
			b.held += m.amount
			b.active = b.with(o.hold, m.amount)
		}
		return b, true
	case "capture", "release":
		if o.refused {
			return b, !isActive
		}
		b.held -= amount
		b.available += amount - m.amount // a release takes nothing
		b.active = rest
		return b, isActive && m.amount <= amount
	}
	return b, false
}

func (b books) with(hold string, amount int64) string {
	all := append(strings.Fields(b.active), hold+":"+strconv.FormatInt(amount, 10))
	slices.Sort(all)
	return strings.Join(all, " ")
}

func (b books) without(hold string) (amount int64, rest string, ok bool) {
	if hold == "" {
		return 0, b.active, false
	}
	all := strings.Fields(b.active)
	for n, each := range all {
		if id, points, _ := strings.Cut(each, ":"); id == hold {
			amount, _ = strconv.ParseInt(points, 10, 64) // this test wrote it
			return amount, strings.Join(slices.Delete(all, n, n+1), " "), true
		}
	}
	return 0, b.active, false
}

// TestBooks proves that the check of histories can fail. Of histories made by hand, it refuses each one that no order
// explains, and accepts each one that some order explains.
func TestBooks(t *testing.T) {
	t.Parallel()
	at := func(call, back int64, m move, o outcome) porcupine.Operation {
		return porcupine.Operation{Input: m, Output: o, Call: call, Return: back}
	}
	spend, hold := move{kind: "spend", amount: 10}, move{kind: "hold", amount: 10}
	refused, read := outcome{refused: true}, move{kind: "read"}
	capture, release := move{kind: "capture", amount: 4, hold: "h"}, move{kind: "release", hold: "h"}
	for _, c := range []struct {
		name    string
		ok      bool
		history []porcupine.Operation
	}{
		{"OneOfTwo", true, []porcupine.Operation{at(0, 9, spend, outcome{}), at(1, 8, spend, refused)}},
		{"TheLaterFirst", true, []porcupine.Operation{at(0, 9, spend, refused), at(8, 10, spend, outcome{})}},
		{"DoubleSpend", false, []porcupine.Operation{at(0, 9, spend, outcome{}), at(1, 8, spend, outcome{})}},
		{"RefusedThoughThere", false, []porcupine.Operation{at(0, 1, spend, refused), at(2, 3, spend, outcome{})}},
		{"SpentAndHeld", false, []porcupine.Operation{at(0, 9, spend, outcome{}), at(1, 8, hold, outcome{hold: "h"})}},
		{
			"StaleRead", false,
			[]porcupine.Operation{at(0, 1, spend, outcome{}), at(2, 3, read, outcome{shown: true, available: 10})},
		},
		{
			"ReadMeanwhile", true,
			[]porcupine.Operation{at(0, 9, spend, outcome{}), at(2, 3, read, outcome{shown: true, available: 10})},
		},
		{
			"LostGrant", false,
			[]porcupine.Operation{
				at(0, 1, move{kind: "grant", amount: 5}, outcome{}),
				at(2, 3, read, outcome{shown: true, available: 10}),
			},
		},
		{
			"EndsOnce", true,
			[]porcupine.Operation{
				at(0, 1, hold, outcome{hold: "h"}), at(2, 9, capture, outcome{shown: true, available: 6}),
				at(3, 8, release, refused),
			},
		},
		{
			"EndsTwice", false,
			[]porcupine.Operation{
				at(0, 1, hold, outcome{hold: "h"}), at(2, 9, capture, outcome{}), at(3, 8, release, outcome{}),
			},
		},
		{"EndsUnmade", false, []porcupine.Operation{at(0, 1, release, outcome{}), at(2, 3, hold, outcome{hold: "h"})}},
		{
			"InTurn", true,
			[]porcupine.Operation{
				at(0, 9, spend, outcome{turn: 2}),
				at(1, 8, move{kind: "grant", amount: 5}, outcome{turn: 1, shown: true, available: 15}),
			},
		},
		{
			"OutOfTurn", false,
			[]porcupine.Operation{
				at(0, 1, spend, outcome{turn: 2}), at(2, 3, move{kind: "grant", amount: 5}, outcome{turn: 1}),
			},
		},
		{
			"WrongRest", false,
			[]porcupine.Operation{
				at(0, 1, hold, outcome{hold: "h"}), at(2, 3, capture, outcome{shown: true, available: 7}),
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := porcupine.CheckOperations(model(10), c.history); got != c.ok {
				t.Errorf("linearizable: %v", got)
			}
		})
	}
}

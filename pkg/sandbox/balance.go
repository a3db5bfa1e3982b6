package sandbox

import (
	"maps"
	"slices"
)

// balance is the account's money by currency: what could be paid out, and what is still pending.
type balance struct {
	Object          string          `json:"object"`
	Available       []balanceAmount `json:"available"`
	ConnectReserved []balanceAmount `json:"connect_reserved"`
	Pending         []balanceAmount `json:"pending"`
}

type balanceAmount struct {
	Amount      int64            `json:"amount"`
	Currency    string           `json:"currency"`
	SourceTypes map[string]int64 `json:"source_types,omitempty"`
}

// sums are the totals of one currency.
type sums struct{ available, pending int64 }

// tally returns the sums of all movements, net of fees. They are added up once; book and makeAvailable then keep them
// current. So reading the balance takes the same time, no matter how many movements there are.
func (w *world) tally() map[string]*sums {
	if w.sums == nil {
		w.sums = map[string]*sums{"usd": {}}
		for _, id := range w.Transactions.ids {
			w.count(w.Transactions.get(id), 1)
		}
	}
	return w.sums
}

// count adds a movement, as it is now, to the sums. With sign -1 it subtracts it.
func (w *world) count(each *balanceTransaction, sign int64) {
	found := w.sums[each.Currency]
	if found == nil {
		found = &sums{}
		w.sums[each.Currency] = found
	}
	if each.Status == "available" {
		found.available += sign * each.Net
	} else {
		found.pending += sign * each.Net
	}
}

// balance returns the account's money, sorted by currency.
func (w *world) balance() *balance {
	found, shown := w.tally(), &balance{Object: "balance"}
	amount := func(n int64, currency string) balanceAmount {
		return balanceAmount{n, currency, map[string]int64{"card": n}}
	}
	for _, currency := range slices.Sorted(maps.Keys(found)) {
		shown.Available = append(shown.Available, amount(found[currency].available, currency))
		shown.Pending = append(shown.Pending, amount(found[currency].pending, currency))
		shown.ConnectReserved = append(shown.ConnectReserved, balanceAmount{0, currency, nil})
	}
	return shown
}

func getBalance(c *call) (any, error) { return c.balance(), nil }

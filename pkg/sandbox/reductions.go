package sandbox

import (
	"math"
	"slices"
)

// reducible is one line as a discount sees it: what is left of its amount, and whether it can be discounted at all.
type reducible struct {
	left         int64
	product      string
	discountable bool
}

// covers reports whether a coupon applies to a line.
func (o *coupon) covers(line reducible) bool {
	return line.discountable && (len(o.Hidden.Products) == 0 || slices.Contains(o.Hidden.Products, line.product))
}

// cut returns the amount that a coupon takes off each line, never more than is left of it. A percentage is rounded half
// up line by line, so the lines always add up to the total. An amount is spread over the lines by their size, to the
// last cent.
func (o *coupon) cut(lines []reducible) []int64 {
	off := make([]int64, len(lines))
	base := int64(0)
	for i, line := range lines {
		if !o.covers(line) || line.left <= 0 {
			continue
		}
		base += line.left
		if o.PercentOff != nil {
			off[i] = share(line.left, int64(math.Round(*o.PercentOff*100)), 100*100)
		}
	}
	if o.AmountOff == nil {
		return off
	}
	whole, before, spread := min(*o.AmountOff, base), int64(0), int64(0)
	for i, line := range lines {
		if !o.covers(line) || line.left <= 0 {
			continue
		}
		before += line.left
		off[i] = share(whole, before, base) - spread
		spread += off[i]
	}
	return off
}

// after returns the lines after a discount (nil: none) has reduced them.
func (d *discount) after(lines []reducible) []reducible {
	if d == nil {
		return lines
	}
	rest := slices.Clone(lines)
	for i, off := range d.Coupon.cut(lines) {
		rest[i].left -= off
	}
	return rest
}

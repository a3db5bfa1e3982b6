package sandbox

import (
	"math"
	"slices"
)

// reducible is one line as a discount meets it: what is left of its amount, and whether it may be discounted at all.
type reducible struct {
	left         int64
	product      string
	discountable bool
}

// covers tells whether a coupon is for a line.
func (o *coupon) covers(line reducible) bool {
	return line.discountable && (len(o.Hidden.Products) == 0 || slices.Contains(o.Hidden.Products, line.product))
}

// cut answers what a coupon takes off each line, never more than is left of it. A share is rounded half up line by
// line, so that the lines always add up to the whole; an amount is spread over the lines by their size, to the last
// cent.
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

// after answers what is left of lines when a discount has taken its part (nil takes nothing).
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

package sandbox

// redeem makes a card of a token's name.
func (w *world) redeem(token, param string) (*paymentMethod, error) {
	if made := w.named(token); made != nil {
		return made, nil
	}
	return nil, noSuch("token", token, param)
}

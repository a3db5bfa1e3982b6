package billing

// Identity is a person as an issuer of ID tokens knows them. The subject is unique only within its issuer.
type Identity struct {
	Issuer  string
	Subject string
	// Email is set only if the issuer says that it has verified the address, and the operator believes this issuer
	// about addresses. So the person may be found by it.
	Email string
}

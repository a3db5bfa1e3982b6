package ledger

// SpendAlone spends as Spend does where the account's row alone does not decide.
var SpendAlone = spendAlone

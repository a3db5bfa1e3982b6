package api

import "context"

// onItsWay returns the one response of every request that may cause a mail.
func onItsWay() MailOnItsWayJSONResponse {
	return MailOnItsWayJSONResponse{Message: "If there is something to send, a mail is on its way."}
}

// CompleteRegistration makes the account of an address, with the token of its mail.
func (s *server) CompleteRegistration(
	ctx context.Context, r CompleteRegistrationRequestObject,
) (CompleteRegistrationResponseObject, error) {
	session, err := s.accounts.CompleteRegistration(withDevice(ctx, r.Body.DeviceName), r.Body.Token, r.Body.Password)
	if err != nil {
		return nil, err
	}
	return CompleteRegistration201JSONResponse(s.toAPISessionWithRefresh(session)), nil
}

// ChangePassword changes the caller's password.
func (s *server) ChangePassword(
	ctx context.Context, r ChangePasswordRequestObject,
) (ChangePasswordResponseObject, error) {
	if err := s.accounts.ChangePassword(ctx, caller(ctx), r.Body.CurrentPassword, r.Body.Password); err != nil {
		return nil, err
	}
	return ChangePassword204Response{}, nil
}

// ForgotPassword has a mail sent that sets a new password.
func (s *server) ForgotPassword(
	ctx context.Context, r ForgotPasswordRequestObject,
) (ForgotPasswordResponseObject, error) {
	if err := s.accounts.Forgot(ctx, string(r.Body.Email)); err != nil {
		return nil, err
	}
	return ForgotPassword202JSONResponse{onItsWay()}, nil
}

// ResetPassword sets a new password, with the token of a mail.
func (s *server) ResetPassword(ctx context.Context, r ResetPasswordRequestObject) (ResetPasswordResponseObject, error) {
	if err := s.accounts.Reset(ctx, r.Body.Token, r.Body.Password); err != nil {
		return nil, err
	}
	return ResetPassword204Response{}, nil
}

// ChangeEmail has a mail sent that changes the caller's email.
func (s *server) ChangeEmail(ctx context.Context, r ChangeEmailRequestObject) (ChangeEmailResponseObject, error) {
	if err := s.accounts.ChangeEmail(ctx, caller(ctx), string(r.Body.Email), r.Body.Password); err != nil {
		return nil, err
	}
	return ChangeEmail202JSONResponse{onItsWay()}, nil
}

// ConfirmEmail changes the caller's email, with the token of a mail.
func (s *server) ConfirmEmail(ctx context.Context, r ConfirmEmailRequestObject) (ConfirmEmailResponseObject, error) {
	if err := s.accounts.ConfirmEmail(ctx, caller(ctx), r.Body.Token); err != nil {
		return nil, err
	}
	return ConfirmEmail204Response{}, nil
}

// ResendVerification has a mail sent that verifies the caller's email.
func (s *server) ResendVerification(
	ctx context.Context, _ ResendVerificationRequestObject,
) (ResendVerificationResponseObject, error) {
	if err := s.accounts.AskToVerify(ctx, caller(ctx)); err != nil {
		return nil, err
	}
	return ResendVerification202JSONResponse{onItsWay()}, nil
}

// VerifyEmail verifies an email, with the token of a mail.
func (s *server) VerifyEmail(ctx context.Context, r VerifyEmailRequestObject) (VerifyEmailResponseObject, error) {
	if err := s.accounts.VerifyEmail(ctx, r.Body.Token); err != nil {
		return nil, err
	}
	return VerifyEmail204Response{}, nil
}

// tls: one TLS connection between bytes of the wire and plain bytes, without a socket (OpenSSL)
#include "clients/tls.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <climits>
#include <utility>

#include <fmt/core.h>

namespace hb::clients {

namespace {

using core::Error;
using core::Result;

/// The oldest queued error, which is the cause, in OpenSSL's words; the queue is empty then.
std::string last_error() {
  const unsigned long code = ::ERR_get_error();
  ::ERR_clear_error();
  if (code == 0) return "unknown error";
  const char* reason = ::ERR_reason_error_string(code);
  return reason != nullptr ? reason : fmt::format("error {}", code);
}

std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> new_context(const SSL_METHOD* method) {
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context{::SSL_CTX_new(method), ::SSL_CTX_free};
  if (!context) return context;
  ::SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  ::SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                           SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Nobody resumes: a session cache would only be memory that strangers fill.
  ::SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_num_tickets(context.get(), 0);
  ::SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  return context;
}

}  // namespace

void TlsContext::Free::operator()(SSL_CTX* context) const {
  ::SSL_CTX_free(context);
}
void TlsStream::Free::operator()(SSL* ssl) const {
  ::SSL_free(ssl);
}

Result<TlsContext> TlsContext::server(const std::string& certificate, const std::string& key) {
  auto context = new_context(::TLS_server_method());
  if (!context) return Error{"TLS: " + last_error()};
  if (::SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1)
    return Error{fmt::format("{}: {}; remove it and start mgmtd anew to have one made",
                             certificate, last_error())};
  if (::SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1)
    return Error{fmt::format("{}: {}; it must be the key of {}", key, last_error(), certificate)};
  TlsContext result;
  result.context_.reset(context.release());
  return result;
}

Result<TlsContext> TlsContext::client() {
  auto context = new_context(::TLS_client_method());
  if (!context) return Error{"TLS: " + last_error()};
  ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  TlsContext result;
  result.context_.reset(context.release());
  return result;
}

Result<TlsContext> TlsContext::strict_client(const std::string& authority,
                                             const std::string& certificate,
                                             const std::string& key) {
  auto context = client();
  if (!context) return context;
  SSL_CTX* const raw = context->context_.get();
  const int trusted = authority.empty()
                          ? ::SSL_CTX_set_default_verify_paths(raw)
                          : ::SSL_CTX_load_verify_locations(raw, authority.c_str(), nullptr);
  if (trusted != 1) {
    return Error{fmt::format("{}: {}; it must hold the certificate of an authority, in PEM",
                             authority, last_error())};
  }
  ::SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  if (certificate.empty()) return context;
  if (::SSL_CTX_use_certificate_chain_file(raw, certificate.c_str()) != 1) {
    return Error{fmt::format("{}: {}; it must hold a certificate, in PEM", certificate,
                             last_error())};
  }
  if (::SSL_CTX_use_PrivateKey_file(raw, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Error{fmt::format("{}: {}; it must be the key of {}", key, last_error(), certificate)};
  }
  return context;
}

TlsStream::TlsStream(const TlsContext& context, Side side)
    : ssl_(::SSL_new(context.context_.get())),
      in_(::BIO_new(::BIO_s_mem())), out_(::BIO_new(::BIO_s_mem())) {
  ENSURE(ssl_ != nullptr && in_ != nullptr && out_ != nullptr);
  ::BIO_set_mem_eof_return(in_, -1);  // empty means "later", not the end
  ::SSL_set_bio(ssl_.get(), in_, out_);
  if (side == Side::server) {
    ::SSL_set_accept_state(ssl_.get());
  } else {
    ::SSL_set_connect_state(ssl_.get());
    static_cast<void>(::SSL_do_handshake(ssl_.get()));  // wants the answer now
    ::ERR_clear_error();
  }
}

Result<void> TlsStream::expect_address(const std::string& address) {
  X509_VERIFY_PARAM* const wanted = ::SSL_get0_param(ssl_.get());
  if (::X509_VERIFY_PARAM_set1_ip_asc(wanted, address.c_str()) == 1) return {};
  ::ERR_clear_error();
  return Error{"TLS: " + address + " is no IP address"};
}

bool TlsStream::established() const {
  return ::SSL_is_init_finished(ssl_.get()) == 1;
}

Result<void> TlsStream::advance() {
  if (!established()) {
    ::ERR_clear_error();
    const int code = ::SSL_do_handshake(ssl_.get());
    if (code != 1) {
      const int why = ::SSL_get_error(ssl_.get(), code);
      if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return {};
      return Error{"TLS: " + last_error()};
    }
  }
  if (waiting_.empty()) return {};
  const std::string plain = std::exchange(waiting_, {});
  return send(plain);
}

Result<bool> TlsStream::receive(std::string_view wire, std::string& plain) {
  ENSURE(wire.size() <= INT_MAX);
  if (!wire.empty() && ::BIO_write(in_, wire.data(), static_cast<int>(wire.size())) !=
                           static_cast<int>(wire.size()))
    return Error{"TLS: out of memory"};
  if (auto advanced = advance(); !advanced) return advanced.error();
  if (!established()) return true;
  std::array<char, 16384> bytes;
  while (true) {
    ::ERR_clear_error();
    const int got = ::SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (got > 0) {
      plain.append(bytes.data(), static_cast<std::size_t>(got));
      continue;
    }
    const int why = ::SSL_get_error(ssl_.get(), got);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return true;
    if (why == SSL_ERROR_ZERO_RETURN) return false;
    return Error{"TLS: " + last_error()};
  }
}

Result<void> TlsStream::send(std::string_view plain) {
  if (!established()) {
    waiting_.append(plain);
    return {};
  }
  if (plain.empty()) return {};
  ENSURE(plain.size() <= INT_MAX);
  ::ERR_clear_error();
  // A memory BIO takes everything at once.
  if (::SSL_write(ssl_.get(), plain.data(), static_cast<int>(plain.size())) !=
      static_cast<int>(plain.size()))
    return Error{"TLS: " + last_error()};
  return {};
}

std::string TlsStream::take_output() {
  std::string output(::BIO_ctrl_pending(out_), '\0');
  const int got = output.empty()
                      ? 0
                      : ::BIO_read(out_, output.data(), static_cast<int>(output.size()));
  output.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return output;
}

void TlsStream::close() {
  if (established()) static_cast<void>(::SSL_shutdown(ssl_.get()));
  ::ERR_clear_error();
}

std::string TlsStream::peer_fingerprint() const {
  const std::unique_ptr<X509, void (*)(X509*)> certificate{
      ::SSL_get1_peer_certificate(ssl_.get()), ::X509_free};
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (!certificate ||
      ::X509_digest(certificate.get(), ::EVP_sha256(), digest.data(), &size) != 1)
    return {};
  std::string text = "sha256:";
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", digest.at(i));
  return text;
}

}  // namespace hb::clients

// tls: one TLS connection between bytes of the wire and plain bytes, without a socket (OpenSSL)
#pragma once

#include "core/result.hpp"

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace hb::clients {

/// Certificate and key, or for a client nothing; TLS 1.2 and later, no renegotiation.
class TlsContext {
 public:
  /// Both in PEM. The error names the file and the cure.
  [[nodiscard]] static core::Result<TlsContext> server(const std::string& certificate,
                                                       const std::string& key);
  /// Accepts any certificate: it is self-signed; the caller compares fingerprints.
  [[nodiscard]] static core::Result<TlsContext> client();
  /// Accepts certificates of one authority only (PEM; empty: the system's authorities), and shows
  /// its own if there is one. The error names the file.
  [[nodiscard]] static core::Result<TlsContext> strict_client(const std::string& authority,
                                                              const std::string& certificate,
                                                              const std::string& key);

 private:
  friend class TlsStream;
  struct Free {
    void operator()(SSL_CTX* context) const;
  };
  std::unique_ptr<SSL_CTX, Free> context_;
};

/// Never waits. Errors are final: the connection must be closed.
class TlsStream {
 public:
  enum class Side : unsigned char { server, client };
  /// A client has its first bytes in take_output() at once.
  TlsStream(const TlsContext& context, Side side);

  /// Before the first bytes leave: the other side's certificate must name this IP address.
  [[nodiscard]] core::Result<void> expect_address(const std::string& address);
  /// Bytes from the wire; what they say in plain is appended. False at the end of the stream.
  [[nodiscard]] core::Result<bool> receive(std::string_view wire, std::string& plain);
  /// Bytes for the other side; kept until the handshake is over.
  [[nodiscard]] core::Result<void> send(std::string_view plain);
  /// What must go to the wire now.
  [[nodiscard]] std::string take_output();
  /// Says goodbye, so that the other side knows that nothing was cut off.
  void close();

  [[nodiscard]] bool established() const;
  /// `sha256:` and 64 hex digits of the other side's certificate; empty without one.
  [[nodiscard]] std::string peer_fingerprint() const;

 private:
  struct Free {
    void operator()(SSL* ssl) const;
  };
  core::Result<void> advance();

  std::unique_ptr<SSL, Free> ssl_;
  BIO* in_ = nullptr;   ///< owned by ssl_
  BIO* out_ = nullptr;  ///< owned by ssl_
  std::string waiting_;  ///< plain bytes that came before the end of the handshake
};

}  // namespace hb::clients

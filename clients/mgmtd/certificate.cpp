// certificate: the key and the self-signed certificate of this host's mgmtd, made once
#include "clients/mgmtd/certificate.hpp"

#include "clients/mgmtd/mgmt_log.hpp"
#include "os/file.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <sys/stat.h>
#include <sys/utsname.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>

#include <fmt/core.h>

namespace hb::clients::mgmtd {

namespace {

using core::Error;
using core::Result;

constexpr long valid_seconds = 20L * 366 * 24 * 3600;
/// The clocks of two hosts differ.
constexpr long valid_before_seconds = 24L * 3600;

struct Free {
  void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { ::X509_free(certificate); }
  void operator()(BIO* bio) const { ::BIO_free(bio); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using Memory = std::unique_ptr<BIO, Free>;

std::string text_of(BIO* memory) {
  char* bytes = nullptr;
  const long size = ::BIO_get_mem_data(memory, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

bool fill(X509* certificate, EVP_PKEY* key, const std::string& name) {
  std::uint64_t serial = 0;
  if (::RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1) return false;
  ::X509_set_version(certificate, X509_VERSION_3);
  ::ASN1_INTEGER_set_uint64(::X509_get_serialNumber(certificate), serial >> 1U);
  ::X509_gmtime_adj(::X509_getm_notBefore(certificate), -valid_before_seconds);
  ::X509_gmtime_adj(::X509_getm_notAfter(certificate), valid_seconds);
  X509_NAME* subject = ::X509_get_subject_name(certificate);
  const auto* bytes = reinterpret_cast<const unsigned char*>(name.data());
  return ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, bytes,
                                      static_cast<int>(name.size()), -1, 0) == 1 &&
         ::X509_set_issuer_name(certificate, subject) == 1 &&
         ::X509_set_pubkey(certificate, key) == 1 &&
         ::X509_sign(certificate, key, ::EVP_sha256()) != 0;
}

bool exists(const std::string& path) {
  struct stat facts{};
  return ::stat(path.c_str(), &facts) == 0;
}

}  // namespace

Result<Made> make_certificate(const std::string& name) {
  const Key key{::EVP_EC_gen("P-256")};
  const Certificate certificate{::X509_new()};
  const Memory key_text{::BIO_new(::BIO_s_mem())}, certificate_text{::BIO_new(::BIO_s_mem())};
  // A common name has at most 64 characters; it is only for people here.
  const bool made =
      key && certificate && key_text && certificate_text &&
      fill(certificate.get(), key.get(), name.substr(0, 64)) &&
      ::PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                 nullptr) == 1 &&
      ::PEM_write_bio_X509(certificate_text.get(), certificate.get()) == 1;
  if (!made) return Error{"OpenSSL cannot make a certificate"};
  return Made{text_of(certificate_text.get()), text_of(key_text.get())};
}

Result<void> provide_certificate(const std::string& certificate, const std::string& key) {
  struct stat facts{};
  if (::stat(key.c_str(), &facts) == 0) {
    if ((facts.st_mode & 077U) != 0)
      return Error{fmt::format("{}: others may read it; cure: chmod 600 {}", key, key), EPERM};
    if (exists(certificate)) return {};
    return Error{fmt::format("{} is missing, but its key is there; restore it, or remove {} too",
                             certificate, key), ENOENT};
  }
  if (exists(certificate))
    return Error{fmt::format("{} is missing, but its certificate is there; restore it, or remove "
                             "{} too", key, certificate), ENOENT};
  utsname host{};
  ::uname(&host);
  const auto made = make_certificate(host.nodename);
  if (!made) return made.error();
  if (auto written = os::write_atomically(key, made->key, 0600); !written) return written.error();
  if (auto written = os::write_atomically(certificate, made->certificate, 0644); !written)
    return written.error();
  log(core::LogLevel::info, fmt::format("made {} and {}", certificate, key));
  return {};
}

}  // namespace hb::clients::mgmtd

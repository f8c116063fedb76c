// The plain hash functions are values without allocation, which the EVP interface is not; 3.0 calls them deprecated.
#define OPENSSL_SUPPRESS_DEPRECATED 1
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/crypto.h>
#include <openssl/md5.h>
#include <openssl/sha.h>

// P-256 and SHA-256 by OpenSSL, for the stand-ins of CryptoKit and Security. Every function returns 1 for success, else 0.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define STAND_IN_SCALAR 32
#define STAND_IN_POINT 65
#define STAND_IN_DER_MAX 80
#define STAND_IN_SHA256 32

int stand_in_generate(uint8_t scalar[STAND_IN_SCALAR]);
int stand_in_point(const uint8_t scalar[STAND_IN_SCALAR], uint8_t point[STAND_IN_POINT]);
int stand_in_sign(const uint8_t scalar[STAND_IN_SCALAR], const uint8_t *message, size_t length,
                  uint8_t der[STAND_IN_DER_MAX], size_t *der_length);
int stand_in_verify(const uint8_t point[STAND_IN_POINT], const uint8_t *message, size_t length,
                    const uint8_t *der, size_t der_length);

int stand_in_sha256(const uint8_t *message, size_t length, uint8_t digest[STAND_IN_SHA256]);

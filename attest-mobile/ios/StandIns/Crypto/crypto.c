#define OPENSSL_SUPPRESS_DEPRECATED
#include "StandInCrypto.h"
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
#include <openssl/sha.h>

static EC_KEY *private_key(const uint8_t scalar[STAND_IN_SCALAR]) {
    EC_KEY *key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    if (key == NULL || EC_KEY_oct2priv(key, scalar, STAND_IN_SCALAR) != 1) {
        EC_KEY_free(key);
        return NULL;
    }
    const EC_GROUP *group = EC_KEY_get0_group(key);
    EC_POINT *point = EC_POINT_new(group);
    int held = point != NULL && EC_POINT_mul(group, point, EC_KEY_get0_private_key(key), NULL, NULL, NULL) == 1 &&
               EC_KEY_set_public_key(key, point) == 1 && EC_KEY_check_key(key) == 1;
    EC_POINT_free(point);
    if (!held) {
        EC_KEY_free(key);
        return NULL;
    }
    return key;
}

int stand_in_generate(uint8_t scalar[STAND_IN_SCALAR]) {
    EC_KEY *key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    int made = key != NULL && EC_KEY_generate_key(key) == 1 &&
               EC_KEY_priv2oct(key, scalar, STAND_IN_SCALAR) == STAND_IN_SCALAR;
    EC_KEY_free(key);
    return made;
}

int stand_in_point(const uint8_t scalar[STAND_IN_SCALAR], uint8_t point[STAND_IN_POINT]) {
    EC_KEY *key = private_key(scalar);
    int written = key != NULL && EC_POINT_point2oct(EC_KEY_get0_group(key), EC_KEY_get0_public_key(key),
                                                    POINT_CONVERSION_UNCOMPRESSED, point, STAND_IN_POINT,
                                                    NULL) == STAND_IN_POINT;
    EC_KEY_free(key);
    return written;
}

int stand_in_sign(const uint8_t scalar[STAND_IN_SCALAR], const uint8_t *message, size_t length,
                  uint8_t der[STAND_IN_DER_MAX], size_t *der_length) {
    EC_KEY *key = private_key(scalar);
    uint8_t digest[SHA256_DIGEST_LENGTH];
    unsigned int written = 0;
    int signed_ = key != NULL && SHA256(message, length, digest) != NULL &&
                  ECDSA_sign(0, digest, sizeof digest, der, &written, key) == 1;
    *der_length = written;
    EC_KEY_free(key);
    return signed_;
}

int stand_in_verify(const uint8_t point[STAND_IN_POINT], const uint8_t *message, size_t length,
                    const uint8_t *der, size_t der_length) {
    EC_KEY *key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    uint8_t digest[SHA256_DIGEST_LENGTH];
    int verified = key != NULL && EC_KEY_oct2key(key, point, STAND_IN_POINT, NULL) == 1 &&
                   SHA256(message, length, digest) != NULL &&
                   ECDSA_verify(0, digest, sizeof digest, der, (int)der_length, key) == 1;
    EC_KEY_free(key);
    return verified;
}

int stand_in_sha256(const uint8_t *message, size_t length, uint8_t digest[STAND_IN_SHA256]) {
    return SHA256(message, length, digest) != NULL;
}

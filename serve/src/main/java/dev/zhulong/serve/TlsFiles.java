package dev.zhulong.serve;

import io.helidon.common.tls.Tls;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateFactory;
import java.security.cert.CertificateNotYetValidException;
import java.security.cert.X509Certificate;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.PSSParameterSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.net.ssl.SSLException;

/**
 * A certificate chain and its key, from files in PEM (RFC 7468), tried out: what would fail at every handshake fails here, with a sentence. Keys may be PKCS#8 or in the
 * older forms of their kinds, and certificates in any order.
 */
final class TlsFiles {
    private static final Pattern BLOCK = Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \\1-----", Pattern.DOTALL);
    private static final String PKCS8 = "PRIVATE KEY";
    private static final String TO_PEM = "openssl pkey -in KEY -out key.pem";

    /** What stands between two marks of a file. */
    private record Block(String type, String text) {
        byte[] bytes() {
            return Base64.getMimeDecoder().decode(text);
        }
    }

    private final Path certificates;
    private final Path key;

    private TlsFiles(Path certificates, Path key) {
        this.certificates = certificates;
        this.key = key;
    }

    /**
     * Reads the files.
     *
     * @throws IllegalArgumentException where nobody could connect with what they hold; says why
     */
    static Tls read(Path certificates, Path key) {
        return new TlsFiles(certificates, key).read();
    }

    private Tls read() {
        List<X509Certificate> all = certificates();
        List<Block> keys = keys();
        for (Block block : keys) {
            for (X509Certificate certificate : all) {
                PrivateKey found = key(block, certificate);
                if (found != null && belong(found, certificate)) {
                    checkDates(certificate);
                    return usable(Tls.builder().privateKey(found).privateKeyCertChain(chain(certificate, all)).build());
                }
            }
        }
        throw new IllegalArgumentException(key + " is not the key of " + (all.size() == 1 ? "the certificate" : "a certificate") + " in " + certificates
                + ": give a certificate and the key that belongs to it");
    }

    private static List<Block> blocks(Path file) {
        try {
            List<Block> blocks = new ArrayList<>();
            Matcher marks = BLOCK.matcher(Files.readString(file, StandardCharsets.ISO_8859_1));
            while (marks.find()) {
                blocks.add(new Block(marks.group(1), marks.group(2)));
            }
            return blocks;
        } catch (NoSuchFileException e) {
            throw new IllegalArgumentException("there is no file " + file, e);
        } catch (IOException e) {
            throw new IllegalArgumentException(file + " cannot be read: " + e.getMessage(), e);
        }
    }

    private static String found(List<Block> blocks) {
        return blocks.isEmpty() ? "it is no PEM file" : "it holds " + blocks.stream().map(Block::type).distinct().collect(Collectors.joining(", "));
    }

    private List<X509Certificate> certificates() {
        List<Block> blocks = blocks(certificates);
        List<X509Certificate> all = new ArrayList<>();
        try {
            CertificateFactory factory = CertificateFactory.getInstance("X.509");
            for (Block block : blocks) {
                if (block.type.equals("CERTIFICATE")) {
                    all.add((X509Certificate) factory.generateCertificate(new ByteArrayInputStream(block.bytes())));
                }
            }
        } catch (CertificateException | IllegalArgumentException e) {
            throw new IllegalArgumentException(certificates + ": certificate " + (all.size() + 1) + " is damaged: " + Json.shortened(e.getMessage(), 200), e);
        }
        if (all.isEmpty()) {
            throw new IllegalArgumentException(certificates + " has no certificate: " + found(blocks) + ", and one that begins with -----BEGIN CERTIFICATE----- is needed");
        }
        return all;
    }

    private List<Block> keys() {
        List<Block> blocks = blocks(key);
        List<Block> keys = blocks.stream().filter(block -> block.type.endsWith(PKCS8)).toList();
        if (keys.isEmpty()) {
            throw new IllegalArgumentException(key + " has no private key: " + found(blocks) + ", and one that begins with -----BEGIN PRIVATE KEY----- is needed");
        }
        for (Block block : keys) {
            if (block.type.startsWith("ENCRYPTED") || block.text.contains("Proc-Type:")) {
                throw new IllegalArgumentException(key + " is encrypted, and the server cannot ask for its password: store it without one (" + TO_PEM + ")");
            }
            if (!List.of(PKCS8, "RSA PRIVATE KEY", "EC PRIVATE KEY").contains(block.type)) {
                throw new IllegalArgumentException(key + " holds a " + block.type + ", which is not supported: convert it to PKCS#8 (" + TO_PEM + ")");
            }
        }
        return keys;
    }

    /** Null where it is of another kind than the certificate's. */
    private PrivateKey key(Block block, X509Certificate certificate) {
        String algorithm = certificate.getPublicKey().getAlgorithm();
        if (!block.type.equals(PKCS8) && !block.type.startsWith(algorithm)) {
            return null;
        }
        try {
            byte[] bytes = block.bytes();
            byte[] pkcs8 = block.type.equals(PKCS8) ? bytes : pkcs8(algorithm(certificate.getPublicKey().getEncoded()), bytes);
            return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
        } catch (InvalidKeySpecException e) {
            return null;
        } catch (GeneralSecurityException | IllegalArgumentException e) {
            throw new IllegalArgumentException(key + " cannot be read: " + e.getMessage(), e);
        }
    }

    /** The algorithm and its parameters, such as the curve, out of a public key (RFC 5280, section 4.1). */
    private static byte[] algorithm(byte[] publicKey) {
        int begin = begin(publicKey, 0);
        int inside = begin(publicKey, begin);
        int length = inside - begin == 2 ? publicKey[begin + 1] : publicKey[begin + 2] & 0xff;
        return Arrays.copyOfRange(publicKey, begin, inside + length);
    }

    /** Index of what is inside the DER element at {@code at}. */
    private static int begin(byte[] der, int at) {
        int length = der[at + 1] & 0xff;
        return at + 2 + (length < 0x80 ? 0 : length - 0x80);
    }

    /** A key of an older form, in a frame that says what it is: PKCS#1 of RSA, SEC 1 of elliptic curves, in PKCS#8 (RFC 5208, section 5). */
    private static byte[] pkcs8(byte[] algorithm, byte[] key) {
        return element(0x30, new byte[] {2, 1, 0}, algorithm, element(4, key));
    }

    private static byte[] element(int tag, byte[]... parts) {
        int length = Arrays.stream(parts).mapToInt(part -> part.length).sum();
        var der = new ByteArrayOutputStream();
        der.write(tag);
        if (length >= 0x100) {
            der.write(0x82);
            der.write(length >> 8);
        } else if (length >= 0x80) {
            der.write(0x81);
        }
        der.write(length);
        for (byte[] part : parts) {
            der.writeBytes(part);
        }
        return der.toByteArray();
    }

    /** Whether what the one signs the other verifies. */
    private boolean belong(PrivateKey found, X509Certificate certificate) {
        String algorithm = certificate.getPublicKey().getAlgorithm();
        byte[] text = {1, 2, 3};
        try {
            Signature signature = Signature.getInstance(switch (algorithm) {
                case "RSA" -> "SHA256withRSA";
                case "EC" -> "SHA256withECDSA";
                default -> algorithm;
            });
            if (algorithm.equals("RSASSA-PSS")) {
                signature.setParameter(new PSSParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, 32, 1));
            }
            signature.initSign(found);
            signature.update(text);
            byte[] signed = signature.sign();
            signature.initVerify(certificate.getPublicKey());
            signature.update(text);
            return signature.verify(signed);
        } catch (GeneralSecurityException e) {
            // numbers of another key may not even make a signature
            return false;
        }
    }

    private void checkDates(X509Certificate certificate) {
        try {
            certificate.checkValidity();
        } catch (CertificateExpiredException e) {
            throw new IllegalArgumentException(certificates + ": the certificate has expired, on " + certificate.getNotAfter().toInstant() + ": renew it", e);
        } catch (CertificateNotYetValidException e) {
            throw new IllegalArgumentException(certificates + ": the certificate is valid only from " + certificate.getNotBefore().toInstant() + ": is this machine's clock right?", e);
        }
    }

    /** The server's own certificate first, then each one's issuer, as clients expect them; whatever else the file has is of no use to them. */
    private static List<X509Certificate> chain(X509Certificate own, List<X509Certificate> all) {
        List<X509Certificate> chain = new ArrayList<>();
        for (X509Certificate next = own; next != null; ) {
            chain.add(next);
            X509Certificate last = next;
            next = all.stream().filter(issuer -> !chain.contains(issuer) && hasSigned(issuer, last)).findFirst().orElse(null);
        }
        return chain;
    }

    private static boolean hasSigned(X509Certificate issuer, X509Certificate certificate) {
        try {
            certificate.verify(issuer.getPublicKey());
            return issuer.getSubjectX500Principal().equals(certificate.getIssuerX500Principal());
        } catch (GeneralSecurityException e) {
            return false;
        }
    }

    private Tls usable(Tls tls) {
        try {
            TrialHandshake.run(tls.sslContext());
            return tls;
        } catch (SSLException e) {
            throw new IllegalArgumentException(certificates + " and " + key + " cannot be used for TLS: " + e.getMessage() + "; an RSA key of 2048 bits or an EC key on P-256 can", e);
        }
    }
}

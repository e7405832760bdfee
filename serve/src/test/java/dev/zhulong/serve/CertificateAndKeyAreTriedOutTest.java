package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.infer.SchedulerOptions;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CertificateAndKeyAreTriedOutTest {
    @TempDir
    Path directory;

    private Path file(String name, String content) throws IOException {
        return Files.writeString(directory.resolve(name), content);
    }

    private static void refused(Path certificates, Path key, String... words) {
        assertThatThrownBy(() -> ServerOptions.tls(certificates, key)).isInstanceOf(IllegalArgumentException.class).hasMessageContainingAll(words).hasMessageNotContaining("\n");
    }

    /** Serves with the files, to a client that trusts the last of the identity's chain. */
    private static void serves(TlsIdentity identity, Path certificates, Path key) throws Exception {
        var options = ServerOptions.local(0).withTls(ServerOptions.tls(certificates, key));
        try (TestServer server = new TestServer(new ScriptedModel(4096, prompt -> "ok"), SchedulerOptions.of(4, 1000), options);
                HttpClient client = HttpClient.newBuilder().sslContext(identity.trusting()).build()) {
            var answer = client.send(HttpRequest.newBuilder(URI.create("https://localhost:" + server.server.port() + "/health")).build(), HttpResponse.BodyHandlers.ofString());
            assertThat(answer.statusCode()).isEqualTo(200);
            try (var socket = (SSLSocket) identity.trusting().getSocketFactory().createSocket("localhost", server.server.port())) {
                socket.startHandshake();
                assertThat(socket.getSession().getPeerCertificates()).isEqualTo(identity.chain().toArray(new Certificate[0]));
            }
        }
    }

    @Test
    void theKeyOfAnotherCertificateIsRefused() throws Exception {
        List<TlsIdentity> all = new ArrayList<>();
        for (String algorithm : List.of("RSA", "RSA", "EC", "EC", "Ed25519", "Ed25519")) {
            all.add(TlsIdentity.make(directory, algorithm));
        }
        for (TlsIdentity own : all) {
            for (TlsIdentity other : all) {
                if (other != own) {
                    refused(own.certificate(), other.key(), other.key() + " is not the key of the certificate in " + own.certificate());
                }
            }
            serves(own, own.certificate(), own.key());
        }
    }

    @Test
    void keysAreReadInTheirOlderForms() throws Exception {
        TlsIdentity rsa = TlsIdentity.make(directory, "RSA");
        // behind version and algorithm there is PKCS#1, or SEC 1 without the curve's name
        byte[] pkcs8 = rsa.privateKey().getEncoded();
        Path pkcs1 = file("pkcs1.pem", TlsIdentity.pem("RSA PRIVATE KEY", Arrays.copyOfRange(pkcs8, 26, pkcs8.length)));
        serves(rsa, rsa.certificate(), pkcs1);
        for (String curve : List.of("secp256r1", "secp384r1", "secp521r1")) {
            TlsIdentity ec = TlsIdentity.make(directory, "EC", "-groupname", curve);
            byte[] bytes = ec.privateKey().getEncoded();
            byte[] sec1 = inner(bytes);
            Path old = file(curve + ".pem", "-----BEGIN EC PARAMETERS-----\n" + Base64.getEncoder().encodeToString(new byte[] {6, 1, 1}) + "\n-----END EC PARAMETERS-----\n"
                    + TlsIdentity.pem("EC PRIVATE KEY", sec1));
            serves(ec, ec.certificate(), old);
            refused(rsa.certificate(), old, "is not the key of");
            refused(TlsIdentity.make(directory, "EC", "-groupname", curve).certificate(), old, "is not the key of");
        }
        refused(TlsIdentity.make(directory, "RSA").certificate(), pkcs1, "is not the key of");
    }

    /** The key inside PKCS#8: what its last octet string holds. */
    private static byte[] inner(byte[] pkcs8) {
        for (int at = pkcs8.length - 3; at > 0; at--) {
            int length = pkcs8[at + 1] & 0xff;
            int header = length < 0x80 ? 2 : length - 0x80 + 2;
            int size = length < 0x80 ? length : length == 0x81 ? pkcs8[at + 2] & 0xff : -1;
            if (pkcs8[at] == 4 && at + header + size == pkcs8.length && pkcs8[at + header] == 0x30) {
                return Arrays.copyOfRange(pkcs8, at + header, pkcs8.length);
            }
        }
        throw new IllegalArgumentException("no key inside");
    }

    @Test
    void certificatesMayStandInAnyOrderAndBesideTheKey() throws Exception {
        TlsIdentity chained = TlsIdentity.chained(directory);
        assertThat(chained.chain()).hasSize(3);
        List<Certificate> all = chained.chain();
        serves(chained, chained.certificate(), chained.key());
        serves(chained, file("reversed.pem", TlsIdentity.pem(all.reversed())), chained.key());
        Path together = file("together.pem", "Bag Attributes\r\n" + TlsIdentity.pem(List.of(all.get(1), all.get(0), all.get(2))).replace("\n", "\r\n") + Files.readString(chained.key()));
        serves(chained, together, together);
    }

    @Test
    void certificatesOfOthersInTheFileAreOfNoMatter() throws Exception {
        TlsIdentity chained = TlsIdentity.chained(directory);
        TlsIdentity same = TlsIdentity.make(directory, "EC");
        TlsIdentity other = TlsIdentity.make(directory, "RSA");
        List<Certificate> all = new ArrayList<>(List.of(other.chain().getFirst(), same.chain().getFirst()));
        all.addAll(chained.chain());
        all.addAll(chained.chain());
        serves(chained, file("mixed.pem", TlsIdentity.pem(all)), chained.key());
        // of one name, each signed by itself
        serves(same, file("two.pem", TlsIdentity.pem(all)), same.key());
        serves(other, file("twice.pem", TlsIdentity.pem(List.of(other.chain().getFirst(), other.chain().getFirst()))), other.key());
        refused(file("others.pem", TlsIdentity.pem(all)), TlsIdentity.make(directory, "RSA").key(), "is not the key of a certificate in");
    }

    @Test
    void datesAreLookedAt() throws Exception {
        TlsIdentity old = TlsIdentity.make(directory, "EC", "-startdate", "-10d", "-validity", "3");
        refused(old.certificate(), old.key(), old.certificate().toString(), "has expired", "renew it");
        TlsIdentity early = TlsIdentity.make(directory, "EC", "-startdate", "+3d", "-validity", "3");
        refused(early.certificate(), early.key(), early.certificate().toString(), "is valid only from", "clock");
    }

    @Test
    void whatIsInTheFilesInsteadIsNamed() throws Exception {
        TlsIdentity own = TlsIdentity.make(directory, "RSA");
        byte[] bytes = own.privateKey().getEncoded();
        refused(own.key(), own.key(), "has no certificate: it holds PRIVATE KEY");
        refused(own.certificate(), own.certificate(), "has no private key: it holds CERTIFICATE");
        refused(own.certificate(), file("encrypted.pem", TlsIdentity.pem("ENCRYPTED PRIVATE KEY", bytes)), "is encrypted", "openssl pkey");
        refused(own.certificate(), file("old.pem", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"), "is encrypted");
        refused(own.certificate(), file("ssh.pem", TlsIdentity.pem("OPENSSH PRIVATE KEY", bytes)), "OPENSSH PRIVATE KEY", "openssl pkey");
        refused(own.certificate(), file("cut.pem", TlsIdentity.pem("PRIVATE KEY", Arrays.copyOf(bytes, 100))), "cut.pem");
        refused(own.certificate(), Files.write(directory.resolve("key.der"), bytes), "it is no PEM file");
        refused(Files.write(directory.resolve("cert.der"), own.chain().getFirst().getEncoded()), own.key(), "it is no PEM file");
        refused(file("damaged.pem", TlsIdentity.pem("CERTIFICATE", new byte[100])), own.key(), "damaged.pem: certificate 1 is damaged");
        refused(directory.resolve("none.pem"), own.key(), "there is no file " + directory.resolve("none.pem"));
        refused(own.certificate(), directory, directory + " cannot be read");
    }

    @Test
    void aKeyThatNoClientTakesIsRefused() throws Exception {
        TlsIdentity weak = TlsIdentity.make(directory, "RSA", "-keysize", "512", "-sigalg", "SHA256withRSA");
        refused(weak.certificate(), weak.key(), "cannot be used for TLS");
    }
}

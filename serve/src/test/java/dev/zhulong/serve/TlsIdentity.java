package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * A certificate of this machine and its key, in files.
 *
 * @param chain as it stands in the file, its own first
 */
record TlsIdentity(Path certificate, Path key, PrivateKey privateKey, List<Certificate> chain) {
    private static final char[] PASSWORD = "changeit".toCharArray();

    /** Signed by itself, valid from today. */
    static TlsIdentity make(Path directory, String algorithm) throws Exception {
        String[] days = {"-startdate", "-1H", "-validity", "2"};
        return make(directory, algorithm, algorithm.equals("RSA") ? Stream.concat(Stream.of("-keysize", "2048"), Stream.of(days)).toArray(String[]::new) : days);
    }

    /** Signed by itself. */
    static TlsIdentity make(Path directory, String algorithm, String... more) throws Exception {
        Path store = Files.createTempDirectory(directory, algorithm).resolve("store.p12");
        tool("-genkeypair", store, Stream.concat(Stream.of("-alias", "a", "-keyalg", algorithm, "-dname", "CN=localhost", "-ext", "SAN=dns:localhost,ip:127.0.0.1"), Stream.of(more)));
        KeyStore keys = KeyStore.getInstance(store.toFile(), PASSWORD);
        return write(store.getParent(), (PrivateKey) keys.getKey("a", PASSWORD), List.of(keys.getCertificateChain("a")));
    }

    /** Signed by an authority that was signed by another. */
    static TlsIdentity chained(Path directory) throws Exception {
        Path store = directory.resolve("chain.p12");
        tool("-genkeypair", store, Stream.of("-alias", "root", "-keyalg", "EC", "-dname", "CN=root", "-ext", "bc:c"));
        tool("-genkeypair", store, Stream.of("-alias", "between", "-keyalg", "EC", "-dname", "CN=between", "-ext", "bc:c", "-signer", "root"));
        tool("-genkeypair", store, Stream.of("-alias", "a", "-keyalg", "EC", "-dname", "CN=localhost", "-ext", "SAN=dns:localhost,ip:127.0.0.1", "-signer", "between"));
        KeyStore keys = KeyStore.getInstance(store.toFile(), PASSWORD);
        return write(directory, (PrivateKey) keys.getKey("a", PASSWORD), List.of(keys.getCertificateChain("a")));
    }

    private static void tool(String command, Path store, Stream<String> words) throws IOException, InterruptedException {
        List<String> all = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "keytool").toString(), "-J-XX:TieredStopAtLevel=1", command, "-keystore", store.toString(), "-storepass", "changeit"));
        words.forEach(all::add);
        Process made = new ProcessBuilder(all).redirectErrorStream(true).start();
        String output = new String(made.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(made.waitFor()).as(output).isZero();
    }

    private static TlsIdentity write(Path directory, PrivateKey key, List<Certificate> chain) throws Exception {
        Path certificate = Files.writeString(directory.resolve("cert.pem"), pem(chain));
        return new TlsIdentity(certificate, Files.writeString(directory.resolve("key.pem"), pem("PRIVATE KEY", key.getEncoded())), key, chain);
    }

    static String pem(List<Certificate> certificates) {
        return certificates.stream().map(each -> {
            try {
                return pem("CERTIFICATE", each.getEncoded());
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }).collect(Collectors.joining());
    }

    static String pem(String what, byte[] bytes) {
        return "-----BEGIN " + what + "-----\n" + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(bytes) + "\n-----END " + what + "-----\n";
    }

    /** Trusts the last of the chain and what it has signed. */
    SSLContext trusting() throws Exception {
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("a", chain.getLast());
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }
}

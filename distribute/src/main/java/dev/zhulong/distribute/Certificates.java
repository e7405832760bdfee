package dev.zhulong.distribute;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.util.Collections;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** What ranks encrypt with: a key pair in a PKCS #12 file. Each side of a connection shows its certificate, and takes those that lie in its own file, no others. */
public final class Certificates {
    private Certificates() {}

    /**
     * Reads a file such as {@code keytool -genkeypair -keyalg EC -storetype PKCS12} makes.
     *
     * @throws IllegalArgumentException if it is not readable with the password, or has no key
     */
    public static SSLContext of(Path file, char[] password) {
        try (var in = Files.newInputStream(file)) {
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(in, password);
            KeyStore known = KeyStore.getInstance("PKCS12");
            known.load(null, null);
            boolean key = false;
            for (String alias : Collections.list(store.aliases())) {
                key |= store.isKeyEntry(alias);
                for (Certificate certificate : store.isKeyEntry(alias) ? store.getCertificateChain(alias) : new Certificate[] {store.getCertificate(alias)}) {
                    known.setCertificateEntry(alias + known.size(), certificate);
                }
            }
            if (!key) {
                throw new IllegalArgumentException(file + " has certificates and no key pair: make one with keytool -genkeypair -keyalg EC -storetype PKCS12");
            }
            var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            keys.init(store, password);
            var trusted = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            trusted.init(known);
            SSLContext context = SSLContext.getInstance("TLSv1.3");
            context.init(keys.getKeyManagers(), trusted.getTrustManagers(), null);
            return context;
        } catch (FileNotFoundException | NoSuchFileException e) {
            throw new IllegalArgumentException(file + " does not exist", e);
        } catch (IOException | GeneralSecurityException e) {
            throw new IllegalArgumentException(file + " cannot be read as PKCS #12 with the password given: " + e.getMessage(), e);
        }
    }
}

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CRL;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CertificateRevokedException;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.PKIXRevocationChecker.Option;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * Holds chains to Java's own path validation (RFC 5280 §6), with the CRLs of a folder, with those that certificates name,
 * and with an OCSP responder; from the root, or from the intermediate where a name has "@" before it. Arguments: the folder,
 * the responder's URL, names of leaves. One line per leaf and way.
 */
public final class CheckChains {
  private static final CertificateFactory factory = newFactory();

  public static void main(String[] arguments) throws Exception {
    Path folder = Path.of(arguments[0]);
    URI responder = URI.create(arguments[1]);
    X509Certificate root = certificate(folder.resolve("root.pem"));
    X509Certificate intermediate = certificate(folder.resolve("intermediate.pem"));
    List<CRL> lists = List.of(list(folder.resolve("full.der")), list(folder.resolve("root-crl.der")));
    // A list is checked by itself too: Java reads its extensions lazily.
    for (CRL each : lists) {
      X509CRL crl = (X509CRL) each;
      boolean ofRoot = crl.getIssuerX500Principal().equals(root.getSubjectX500Principal());
      crl.verify((ofRoot ? root : intermediate).getPublicKey());
      Set<String> unknown = crl.getCriticalExtensionOIDs();
      System.out.println("list critical " + (unknown == null ? "[]" : unknown));
    }
    for (int at = 2; at < arguments.length; at++) {
      String name = arguments[at];
      boolean whole = !name.startsWith("@");
      X509Certificate leaf = certificate(folder.resolve(name.replace("@", "") + ".pem"));
      CertPath path = factory.generateCertPath(whole ? List.of(leaf, intermediate) : List.of(leaf));
      X509Certificate anchor = whole ? root : intermediate;
      say(name, "chain", path, parameters(anchor));
      PKIXParameters byLists = parameters(anchor);
      byLists.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(lists)));
      byLists.addCertPathChecker(checker(EnumSet.of(Option.PREFER_CRLS, Option.NO_FALLBACK), null));
      say(name, "crl", path, byLists);
      PKIXParameters named = parameters(anchor);
      named.addCertPathChecker(
          checker(EnumSet.of(Option.PREFER_CRLS, Option.NO_FALLBACK, Option.ONLY_END_ENTITY), null));
      say(name, "named", path, named);
      PKIXParameters asked = parameters(anchor);
      asked.addCertPathChecker(checker(EnumSet.of(Option.NO_FALLBACK), responder));
      say(name, "ocsp", path, asked);
    }
  }

  private static void say(String name, String way, CertPath path, PKIXParameters parameters) {
    String said;
    try {
      CertPathValidator.getInstance("PKIX").validate(path, parameters);
      said = "valid";
    } catch (CertPathValidatorException refused) {
      said = refused.getCause() instanceof CertificateRevokedException revoked
          ? "revoked " + revoked.getRevocationReason()
          : "refused " + refused.getMessage();
    } catch (Exception failed) {
      said = "failed " + failed;
    }
    System.out.println(name + " " + way + " " + said);
  }

  private static PKIXParameters parameters(X509Certificate anchor) throws Exception {
    PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(anchor, null)));
    parameters.setRevocationEnabled(false);
    return parameters;
  }

  private static PKIXRevocationChecker checker(Set<Option> options, URI responder) throws Exception {
    PKIXRevocationChecker checker =
        (PKIXRevocationChecker) CertPathValidator.getInstance("PKIX").getRevocationChecker();
    checker.setOptions(options);
    if (responder != null) checker.setOcspResponder(responder);
    return checker;
  }

  private static X509Certificate certificate(Path file) throws Exception {
    try (InputStream in = new ByteArrayInputStream(Files.readAllBytes(file))) {
      return (X509Certificate) new ArrayList<>(factory.generateCertificates(in)).get(0);
    }
  }

  private static CRL list(Path file) throws Exception {
    try (InputStream in = new ByteArrayInputStream(Files.readAllBytes(file))) {
      return factory.generateCRL(in);
    }
  }

  private static CertificateFactory newFactory() {
    try {
      return CertificateFactory.getInstance("X.509");
    } catch (Exception impossible) {
      throw new IllegalStateException(impossible);
    }
  }
}

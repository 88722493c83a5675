"""Which proxy leads to a server: the cases of golang.org/x/net/http/httpproxy, which kubectl goes by."""

from __future__ import annotations

import pytest

from ciao.adapters.kube.apierrors import AccessError
from ciao.adapters.kube.proxies import proxy_for

PROXY = "http://proxy:3128"


def direct(server: str, no_proxy: str) -> bool:
    return not proxy_for(server, "", {"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy})


@pytest.mark.parametrize(
    ("no_proxy", "server"),
    [
        ("*", "https://any.thing"),
        ("a, * ,b", "https://any.thing"),
        ("example.com", "https://example.com"),
        ("example.com", "https://api.example.com:6443"),
        ("EXAMPLE.com", "https://API.Example.com"),
        (".example.com", "https://api.example.com"),
        ("*.example.com", "https://api.example.com"),
        ("example.com:6443", "https://example.com:6443"),
        ("example.com:443", "https://example.com"),
        ("10.0.0.0/8", "https://10.96.0.1"),
        ("10.0.0.1/8", "https://10.96.0.1"),
        ("10.96.0.1", "https://10.96.0.1:6443"),
        ("10.96.0.1:443", "https://10.96.0.1"),
        ("fd00::/8", "https://[fd00::1]:6443"),
        ("fd00::1", "https://[fd00:0::1]"),
        ("[fd00::1]:6443", "https://[fd00::1]:6443"),
        ("", "https://localhost:6443"),
        ("", "https://127.0.0.7"),
        ("", "https://[::1]:6443"),
    ],
)
def test_past_the_proxy(no_proxy, server):
    """NO_PROXY names it, or it is this machine."""
    assert direct(server, no_proxy)


@pytest.mark.parametrize(
    ("no_proxy", "server"),
    [
        ("", "https://example.com"),
        ("example.com", "https://notexample.com"),
        (".example.com", "https://example.com"),
        ("*.example.com", "https://example.com"),
        ("example.com:443", "https://example.com:6443"),
        ("10.0.0.0/8", "https://11.0.0.1"),
        ("10.0.0.0/8", "https://ten.example.com"),
        ("fd00::/8", "https://10.0.0.1"),
        ("10.96.0.1", "https://10.96.0.10"),
        ("10.96.0.1:80", "https://10.96.0.1"),
        ("10.0.0.0/99,,:443", "https://10.0.0.1"),
    ],
)
def test_through_the_proxy(no_proxy, server):
    """Whatever NO_PROXY does not name."""
    assert not direct(server, no_proxy)


@pytest.mark.parametrize(
    ("server", "environ", "proxy"),
    [
        ("https://x", {"HTTPS_PROXY": PROXY}, PROXY),
        ("https://x", {"https_proxy": PROXY}, PROXY),
        ("https://x", {"HTTPS_PROXY": PROXY, "https_proxy": "http://other"}, PROXY),
        ("http://x", {"HTTP_PROXY": PROXY}, PROXY),
        ("https://x", {"HTTP_PROXY": PROXY}, ""),
        ("https://x", {"ALL_PROXY": PROXY}, ""),
        ("https://x", {"HTTPS_PROXY": "proxy:3128"}, PROXY),
        ("https://x", {"HTTPS_PROXY": PROXY, "no_proxy": "x"}, ""),
        ("https://x", {}, ""),
    ],
)
def test_which_variable_counts(server, environ, proxy):
    """That of the server's scheme, in capitals first; one without a scheme is HTTP."""
    assert proxy_for(server, "", environ) == proxy


def test_a_clusters_own_proxy_always_counts():
    """proxy-url is not asked about NO_PROXY, nor about this machine."""
    assert proxy_for("https://localhost", PROXY, {"NO_PROXY": "*"}) == PROXY


@pytest.mark.parametrize(
    ("named", "environ", "told"),
    [
        ("socks5://p:1", {}, "proxy-url of the kubeconfig names a proxy of the kind socks5"),
        ("", {"HTTPS_PROXY": "socks5h://p:1"}, "$HTTPS_PROXY names a proxy of the kind socks5h"),
        ("http://", {}, "proxy-url of the kubeconfig is no URL of a proxy"),
        ("http://h:port", {}, "is no URL of a proxy"),
    ],
)
def test_proxies_that_ciao_cannot_go_through(named, environ, told):
    """Said with where it was named; never silently left out."""
    with pytest.raises(AccessError) as error:
        proxy_for("https://x", named, environ)
    assert told in str(error.value)

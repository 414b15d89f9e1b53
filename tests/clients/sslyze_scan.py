"""Compares a TLS server with Mozilla's intermediate profile. Arguments: host:port, server name. Prints what is not in order, one
JSON object by kind of finding."""

import json
import sys

from sslyze import (
    Scanner,
    ServerNetworkConfiguration,
    ServerNetworkLocation,
    ServerScanRequest,
    ServerScanStatusEnum,
)
from sslyze.mozilla_tls_profile.tls_config_checker import (
    SCAN_COMMANDS_NEEDED_BY_MOZILLA_CHECKER,
    MozillaTlsConfiguration,
    ServerNotCompliantWithTlsConfiguration,
    TlsConfigurationEnum,
    check_server_against_tls_configuration,
)

address, name = sys.argv[1], sys.argv[2]
host, port = address.rsplit(":", 1)
location = ServerNetworkLocation(hostname=name, port=int(port), ip_address=host)
scanner = Scanner(per_server_concurrent_connections_limit=2)
scanner.queue_scans(
    [
        ServerScanRequest(
            server_location=location,
            network_configuration=ServerNetworkConfiguration(tls_server_name_indication=name),
            scan_commands=SCAN_COMMANDS_NEEDED_BY_MOZILLA_CHECKER,
        )
    ]
)
for result in scanner.get_results():
    if result.scan_status != ServerScanStatusEnum.COMPLETED:
        raise SystemExit("the server cannot be scanned: %s" % result.connectivity_error_trace)
    profile = MozillaTlsConfiguration.get(TlsConfigurationEnum.MOZILLA_INTERMEDIATE)
    try:
        check_server_against_tls_configuration(result, profile)
        issues = {}
    except ServerNotCompliantWithTlsConfiguration as finding:
        issues = finding.issues
    print(json.dumps({key: str(value) for key, value in issues.items()}))
